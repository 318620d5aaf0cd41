export { SCP_LIMITS, type ScpLimits } from "./scp/limits.ts";
export { type ScpClosedEvent, ScpMachine } from "./scp/machine.ts";
export {
  decodeRecord,
  encodeRecord,
  type ScpDirectoryRecord,
  type ScpEndRecord,
  type ScpFileRecord,
  type ScpRecord,
  type ScpTimes,
  type ScpTimesRecord,
  scpNameProblem,
} from "./scp/records.ts";
export { ScpSink, type ScpSinkEvent, type ScpSinkOptions } from "./scp/sink.ts";
export { type ScpEntry, ScpSource, type ScpSourceEvent } from "./scp/source.ts";
