import { generateKeyPair, generateKeyPairSync } from "./keys/generate.ts";
import { parseKey } from "./keys/parse-key.ts";
import { flagsToString, OPEN_MODE, stringToFlags } from "./sftp/flags.ts";
import { STATUS_CODE } from "./sftp/status.ts";

/** The entry's `utils`. */
export const utils: {
  readonly parseKey: typeof parseKey;
  readonly generateKeyPair: typeof generateKeyPair;
  readonly generateKeyPairSync: typeof generateKeyPairSync;
  readonly sftp: {
    readonly flagsToString: typeof flagsToString;
    readonly OPEN_MODE: typeof OPEN_MODE;
    readonly STATUS_CODE: typeof STATUS_CODE;
    readonly stringToFlags: typeof stringToFlags;
  };
} = { parseKey, generateKeyPair, generateKeyPairSync, sftp: { flagsToString, OPEN_MODE, STATUS_CODE, stringToFlags } };
