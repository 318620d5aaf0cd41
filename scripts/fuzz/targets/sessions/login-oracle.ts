import type { PrivateKey } from "@nacre/keys";
import {
  equalBytes,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  userauthPublickey,
  userauthSignedData,
} from "@nacre/wire";
import { attempt, expectTrue } from "../../contract.ts";
import type { AnyEvent } from "./subject.ts";

/** Events that may come before the login has succeeded: key exchange, authentication and the end. */
const BEFORE_LOGIN: ReadonlySet<AnyEvent["type"]> = new Set<AnyEvent["type"]>([
  "identified",
  "verify-host-key",
  "sign-exchange-hash",
  "new-keys",
  "debug",
  "banner",
  "sign",
  "password",
  "change-password",
  "prompts",
  "instruction",
  "query",
  "publickey",
  "keyboard-interactive",
  "responses",
  "authenticated",
  "closed",
]);

/** What an oracle needs to know to tell a good signature from a bad one without the code under test. */
export interface LoginFacts {
  /** The only key that the peer can sign with. Its signatures are deterministic. */
  readonly userKey: PrivateKey;
  sessionId(): Uint8Array;
}

/**
 * Judges logins from outside of the session. Each rule is stated in terms of what went over the wire, what the application answered, and
 * what the session told, so that a session that breaks one cannot also talk its oracle into agreement.
 *
 * @throws Broken from every method that sees a rule broken.
 */
export class LoginOracle {
  readonly #facts: LoginFacts;
  /** What a server's application granted: the user of the last answer that lets somebody in. */
  #granted: string | undefined;
  #hostKeyAccepted = false;
  #loginsSent = 0;
  #successArrived = false;
  #isIn = false;
  /** Logins with a key whose signature is the key's, as the peer sent them. */
  readonly #signed: { readonly userName: string; readonly algorithm: string; readonly publicKey: Uint8Array }[] = [];

  constructor(facts: LoginFacts) {
    this.#facts = facts;
  }

  peerSent(payload: Uint8Array): void {
    if (payload[0] === SSH_MSG_USERAUTH_SUCCESS.number) this.#successArrived ||= this.#loginsSent > 0;
    else if (payload[0] === SSH_MSG_USERAUTH_REQUEST.number) attempt(() => this.#keepSignedLogin(payload));
  }

  sessionSent(payload: Uint8Array): void {
    if (payload[0] !== SSH_MSG_USERAUTH_REQUEST.number) return;
    expectTrue(this.#hostKeyAccepted, "a client sent a login before its host key was accepted");
    this.#loginsSent++;
  }

  /** The application has given this answer, and the session took it. `letsIn`: it is the last word of a login. */
  answered(event: AnyEvent, letsIn: boolean): void {
    if (event.type === "verify-host-key") this.#hostKeyAccepted ||= letsIn;
    else if (letsIn && "userName" in event) this.#granted = event.userName;
  }

  told(event: AnyEvent): void {
    expectTrue(this.#isIn || BEFORE_LOGIN.has(event.type), `${event.type} came before the login`);
    if (event.type === "publickey")
      expectTrue(this.#isSigned(event), "a login was reported as signed that its key did not sign");
    if (event.type !== "authenticated") return;
    expectTrue(!this.#isIn, "a login succeeded twice");
    if ("userName" in event) expectTrue(this.#granted === event.userName, "a user is in whom nobody has let in");
    else expectTrue(this.#successArrived, "a client is in though its server did not say so after a login");
    this.#isIn = true;
  }

  #isSigned({ userName, algorithm, publicKey }: Extract<AnyEvent, { type: "publickey" }>): boolean {
    return this.#signed.some(
      (one) => one.userName === userName && one.algorithm === algorithm && equalBytes(one.publicKey, publicKey),
    );
  }

  #keepSignedLogin(payload: Uint8Array): void {
    const { userKey } = this.#facts;
    const { userName, serviceName, methodName, methodData } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
    if (methodName !== "publickey") return;
    const { algorithm, publicKey, signature } = userauthPublickey.decode(methodData);
    if (signature === undefined || !equalBytes(publicKey, userKey.publicKey.blob)) return;
    // Signing again tells a good signature from a bad one without the code that verifies.
    const data = userauthSignedData(this.#facts.sessionId(), { userName, serviceName }, { algorithm, publicKey });
    const good = userKey.sign(algorithm, data, () => new Uint8Array(0));
    if (equalBytes(signature, good)) this.#signed.push({ userName, algorithm, publicKey });
  }
}
