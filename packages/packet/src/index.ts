export type {
  CipherAlgorithm,
  DirectionKeys,
  Mac,
  MacAlgorithm,
  PacketOpener,
  PacketSealer,
} from "./cipher.ts";
export type { NewKeys, PacketCount, PacketCounts } from "./counters.ts";
export { PacketReader } from "./reader.ts";
export type { PacketSink, SentMessage } from "./sink.ts";
export { PacketWriter } from "./writer.ts";
