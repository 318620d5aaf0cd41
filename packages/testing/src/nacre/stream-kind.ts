import type { StreamKind, StreamTypes } from "nacre";
import { describePair } from "./streams/pair.ts";
import { describeReadable } from "./streams/readable.ts";
import type { StreamUse } from "./streams/stream-use.ts";
import { describeWritable } from "./streams/writable.ts";

/** Defines the tests that streams of every kind must pass. */
export function describeStreamKind<K extends StreamTypes>(kind: StreamKind<K>, use: StreamUse<K>): void {
  describeReadable(kind, use);
  describeWritable(kind, use);
  describePair(kind, use);
}
