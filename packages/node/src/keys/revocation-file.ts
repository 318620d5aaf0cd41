import type { RevokedKeys } from "@nacre/keyfiles";
import { SshError, utf8Encode } from "@nacre/wire";
import type { CertificateLogin, PublickeyLogin } from "nacre/extend";
import { expandHome } from "./files.ts";
import type { ProblemLog } from "./login-files.ts";
import { type OwnedFile, readOwned } from "./owned-file.ts";

/** Maximum size of a list of revoked keys in bytes. */
const MAX_BYTES = 128 * 1024 * 1024;

/** A server's file of revoked keys (sshd_config(5), RevokedKeys), parsed once for each of its versions. */
export class RevocationFile {
  readonly #path: string;
  readonly #home: string | undefined;
  readonly #problems: ProblemLog;
  /** The file as last read. `list` is missing if it was not understood. */
  #read: { readonly file: OwnedFile; readonly list: RevokedKeys | undefined } | undefined;
  /** The last look at the file. Looks follow one another, so that all logins that wait for a new list share one reading of it. */
  #look: Promise<RevokedKeys | undefined> = Promise.resolve(undefined);

  constructor(path: string, home: string | undefined, problems: ProblemLog) {
    this.#path = path;
    this.#home = home;
    this.#problems = problems;
  }

  /** Returns whether the key of a login must be refused. A list that is missing or not understood might name any key. */
  async refuses(login: PublickeyLogin | CertificateLogin): Promise<boolean> {
    this.#look = this.#look.then(this.#current, this.#current);
    const list = await this.#look;
    // rule: revocation-list-unusable
    if (list === undefined) return true;
    if (login.method === "publickey") return list.isRevoked({ plainBlob: login.publicKey });
    const { certificate } = login;
    const { serial, keyId, authority } = certificate;
    return list.isRevoked({
      plainBlob: certificate.publicKey.blob,
      // rule: revoked-user-authority
      certificate: { serial, keyId: utf8Encode(keyId), authority: authority.blob },
    });
  }

  readonly #current = async (): Promise<RevokedKeys | undefined> => {
    let file: OwnedFile | undefined;
    try {
      const known = this.#read?.file;
      file = await readOwned(expandHome(this.#path, this.#home), { home: this.#home, maxBytes: MAX_BYTES, known });
      if (file === undefined) throw new SshError("file-unreadable", "no such file");
      if (file !== known) {
        // Most servers have no such file, and need not load its parser.
        const { parseRevokedKeys } = await import("@nacre/keyfiles");
        this.#read = { file, list: parseRevokedKeys(file.bytes) };
      }
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      this.#read = file && { file, list: undefined };
      const text = ` cannot be used, so all keys are refused: ${error.message}`;
      this.#problems.report(this.#path, file?.version ?? "", text);
    }
    return this.#read?.list;
  };
}
