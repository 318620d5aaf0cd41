import { equalBytes, Reader } from "@nacre/wire";
import type { Authenticate, Login, LoginDecision } from "nacre/extend";
import { callProgram } from "../../call-program.ts";
import { warnIfShort } from "../../keys/rsa-size.ts";
import {
  AuthContext,
  type AuthRequest,
  HostbasedAuthContext,
  KeyboardAuthContext,
  PKAuthContext,
  PwdAuthContext,
} from "./contexts.ts";
import { Decision } from "./decision.ts";
import type { HostbasedProof } from "./hostbased.ts";

/**
 * Returns the function that decides the logins of one connection. `emit` passes a context to the application, and returns whether the event
 * has a listener. Without one the login is refused. `userChanged` is called when the client changes its user name: then it must be
 * disconnected.
 */
export function decideBy(
  connection: object,
  emit: (context: AuthContext) => boolean,
  userChanged: () => void,
): Authenticate {
  /** Name of the user in the first login. */
  let user: string | undefined;
  /** The decision about the latest login, which may have asked the client for a new password. */
  let latest: Decision | undefined;
  /** Keys that were accepted as a factor when the client only asked about them. */
  let promised: readonly Promised[] = [];
  return async (login) => {
    user ??= login.user;
    // Applications keep proved factors per connection, and a new password is for the user who was asked.
    if (/* rule: ssh2-one-user */ login.user !== user) {
      userChanged();
      return false;
    }
    const changed = latest?.takeChanged();
    if (login.method === "change-password" && latest !== undefined && changed !== undefined) {
      callProgram(connection, () => changed(login.newPassword));
      return latest.given;
    }
    const isQuery = login.method === "publickey" && !login.signed;
    // The application counts the factor already, so nothing else may follow before its proof.
    if (/* rule: ssh2-promised-factor */ promised.length > 0 && !isQuery) {
      const proved = promised.find((one) => isProof(login, one));
      if (proved === undefined) return false;
      promised = [];
      return proved.decision;
    }
    const decision = new Decision();
    latest = decision;
    const context = contextOf(login, { connection, username: login.user, decision });
    if (context === undefined) return false;
    if (callProgram(connection, () => emit(context)) === false) context.reject();
    const given = await decision.given;
    if (!isQuery || typeof given !== "object" || !("next" in given)) return given;
    // A query proves nothing. The client learns that the key may log in, and the decision counts when it has proved the key.
    promised = [...promised, { publicKey: login.publicKey, decision: given }];
    return true;
  };
}

/** A decision that waits for the proof of a key. */
interface Promised {
  readonly publicKey: Uint8Array;
  readonly decision: LoginDecision;
}

function isProof(login: Login, { publicKey }: Promised): boolean {
  return login.method === "publickey" && login.signed && equalBytes(login.publicKey, publicKey);
}

/** Returns the context of a login; `undefined` for one that ssh2 has no form for. */
function contextOf(login: Login, request: AuthRequest): AuthContext | undefined {
  switch (login.method) {
    case "none":
      return new AuthContext(request, "none");
    case "password":
      return new PwdAuthContext(request, login.password);
    case "change-password":
      return new PwdAuthContext(request, { oldPassword: login.oldPassword, newPassword: login.newPassword });
    case "publickey":
      warnIfShort(sizeOf(login.publicKey), "public key of a client");
      return new PKAuthContext(request, login);
    case "keyboard-interactive":
      return new KeyboardAuthContext(request, login);
    case "other":
      return new HostbasedAuthContext(request, login.details as HostbasedProof);
    case "certificate":
      return undefined;
  }
}

/** Returns the format of a verified key's blob, and the bits of an RSA key (RFC 4253 §6.6). */
function sizeOf(publicKey: Uint8Array): { readonly format: string; readonly bits: number } {
  const reader = new Reader(publicKey, "public key");
  const format = reader.name("format");
  if (format !== "ssh-rsa") return { format, bits: 0 };
  reader.string("e");
  return { format, bits: reader.mpint("n").toString(2).length };
}
