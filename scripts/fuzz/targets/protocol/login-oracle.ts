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

/** Events that may precede a successful login: those of key exchange, authentication and the end. */
const BEFORE_LOGIN: ReadonlySet<AnyEvent["type"]> = new Set<AnyEvent["type"]>([
  "identified",
  "verify-host-key",
  "sign-exchange-hash",
  "keys-complete",
  "new-keys",
  "debug",
  "disconnect",
  "banner",
  "ask",
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

/** Facts with which the oracle recognizes a valid signature without the code under test. */
export interface LoginFacts {
  /** The only key that the peer signs with. Its signatures are deterministic. */
  readonly userKey: PrivateKey;
  sessionId(): Uint8Array;
}

/**
 * Checks logins from outside the protocol machine. Every check uses only the wire traffic, the application's answers and the machine's
 * events. A fault in the protocol machine therefore does not affect the oracle.
 *
 * @throws Broken from every method that detects a violation.
 */
export class LoginOracle {
  readonly #facts: LoginFacts;
  /** User name of the last login that the server's application granted. */
  #granted: string | undefined;
  #hostKeyAccepted = false;
  #loginsSent = 0;
  #successArrived = false;
  #isIn = false;
  /** Publickey logins with a valid signature that the peer sent. */
  readonly #signed: { readonly userName: string; readonly algorithm: string; readonly publicKey: Uint8Array }[] = [];

  constructor(facts: LoginFacts) {
    this.#facts = facts;
  }

  peerSent(payload: Uint8Array): void {
    if (payload[0] === SSH_MSG_USERAUTH_SUCCESS.number) this.#successArrived ||= this.#loginsSent > 0;
    else if (payload[0] === SSH_MSG_USERAUTH_REQUEST.number) attempt(() => this.#keepSignedLogin(payload));
  }

  machineSent(payload: Uint8Array): void {
    if (payload[0] !== SSH_MSG_USERAUTH_REQUEST.number) return;
    expectTrue(this.#hostKeyAccepted, "the client sent a login before the host key was accepted");
    this.#loginsSent++;
  }

  /**
   * Called when the protocol machine accepts an answer of the application. `letsIn`: whether the answer accepts a host key or grants a
   * login.
   */
  answered(event: AnyEvent, letsIn: boolean): void {
    if (event.type === "verify-host-key") this.#hostKeyAccepted ||= letsIn;
    else if (letsIn && "userName" in event) this.#granted = event.userName;
  }

  told(event: AnyEvent): void {
    expectTrue(this.#isIn || BEFORE_LOGIN.has(event.type), `event ${event.type} came before the login`);
    if (event.type === "publickey")
      expectTrue(this.#isSigned(event), "a login without a valid signature was reported as signed");
    if (event.type !== "authenticated") return;
    expectTrue(!this.#isIn, "a login succeeded twice");
    if ("userName" in event) expectTrue(this.#granted === event.userName, "a user is logged in without a grant");
    else
      expectTrue(
        this.#successArrived,
        "the client is logged in without a success from the server after a login request",
      );
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
    // Signatures are deterministic, so comparing with a new signature replaces verification by the code under test.
    const data = userauthSignedData(this.#facts.sessionId(), { userName, serviceName }, { algorithm, publicKey });
    const good = userKey.sign(algorithm, data, () => new Uint8Array(0));
    if (equalBytes(signature, good)) this.#signed.push({ userName, algorithm, publicKey });
  }
}
