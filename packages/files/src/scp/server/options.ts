import type { ScpLimits } from "@nacre/sftp/scp";
import type { Overrides } from "@nacre/wire";
import type { OptionRows } from "nacre/extend";

/** An event of an scp server for a log. Texts from the client are unescaped: escape them before display. */
export interface ScpServerLogEvent {
  /**
   * The file system threw an exception without one of Node's codes. The client receives a fixed text, which contains nothing of the
   * exception.
   */
  readonly type: "failed";
  /** Path of the file or directory. */
  readonly path: string;
  /** The exception. */
  readonly error: unknown;
}

/** Options of `scpServer`. */
export interface ScpServerSettings {
  /** Whether to deny every upload; default false. */
  readonly readOnly?: boolean | undefined;
  /**
   * Whether the caller handles scp commands that this server does not parse, such as those with wildcards. Default false: they are
   * refused with exit status 1. A shell that runs one is restricted neither by the file system nor by `readOnly`.
   */
  readonly passUnparsed?: boolean | undefined;
  /** Limits of one session that override the defaults: lengths of lines and names, depth of directories. */
  readonly limits?: Overrides<ScpLimits> | undefined;
  /** Called with each event. Its exceptions are ignored. */
  readonly log?: ((event: ScpServerLogEvent) => void) | undefined;
}

/** Names of the options of `scpServer`. */
export const SCP_SERVER_OPTIONS: OptionRows<ScpServerSettings> = {
  readOnly: true,
  passUnparsed: true,
  limits: true,
  log: true,
};
