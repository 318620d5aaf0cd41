export type {
  CipherAlgorithm,
  DirectionKeys,
  Mac,
  MacAlgorithm,
  PacketOpener,
  PacketSealer,
} from "./cipher.ts";
export type { PacketSink } from "./sink.ts";
