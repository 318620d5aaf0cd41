import { Connection, type ConnectionEvent } from "@nacre/connection";
import type { PrivateKey } from "@nacre/keys";
import { Transport, type TransportAlgorithms, type TransportEvent } from "@nacre/transport";
import {
  execRequest,
  type RandomSource,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_PK_OK,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  userauthPassword,
  userauthPublickey,
  userauthSignedData,
  utf8Encode,
} from "@nacre/wire";

export interface TestServerOptions {
  readonly algorithms: TransportAlgorithms;
  readonly random: RandomSource;
  readonly hostKey: PrivateKey;
  /** Number of signed logins to refuse before one is accepted. */
  readonly refusals?: number;
  /** Password to accept. */
  readonly password?: string;
  /** Software version in its identification string. */
  readonly softwareVersion?: string;
  /** Message numbers to leave unanswered, to test a client with a silent server. */
  readonly ignore?: readonly number[];
  /** Whether to answer exec requests; default true. */
  readonly answersExec?: boolean;
  /** Runs a command; the default prints `ran` and the command, and exits with 0. */
  readonly onExec?: (connection: Connection, channel: number, command: string) => void;
}

/** Minimal server on the state machines of transport and connection, in their server role. */
export class TestServer {
  readonly transport: Transport;
  readonly connection: Connection;
  readonly events: (TransportEvent | ConnectionEvent)[] = [];
  readonly #options: TestServerOptions;
  #refusals: number;

  constructor(options: TestServerOptions) {
    this.#options = options;
    this.#refusals = options.refusals ?? 0;
    this.transport = new Transport({
      role: "server",
      softwareVersion: options.softwareVersion ?? "TestServer",
      algorithms: options.algorithms,
      random: options.random,
      // Commands write only once and never resume after a yield, so the work per turn must not be limited.
      limits: { maxTurnWork: Number.MAX_SAFE_INTEGER },
      hostKeys: [options.hostKey.publicKey],
      serverSigAlgs: options.algorithms.hostKeys.map(({ signatureName }) => signatureName),
    });
    this.connection = new Connection({ sink: this.transport.sink, allowedChannelTypes: ["session"] });
  }

  /** Handles all pending events. */
  turn(): void {
    for (;;) {
      const event = this.connection.nextEvent() ?? this.transport.nextEvent();
      if (event === undefined) return;
      this.events.push(event);
      this.#onEvent(event);
    }
  }

  #onEvent(event: TransportEvent | ConnectionEvent): void {
    switch (event.type) {
      case "sign-exchange-hash":
        this.transport.answerSignature(
          event.token,
          this.#options.hostKey.sign(event.algorithm, event.data, this.#options.random),
        );
        return;
      case "message":
        if (!this.#options.ignore?.includes(event.payload[0]!)) this.#onMessage(event.payload);
        return;
      case "open-request":
        this.connection.answerOpen(event.token, true);
        return;
      case "channel-request": {
        const { requestType, token, data } = event;
        if (requestType === "pty-req" && token !== undefined) this.connection.answerRequest(token, true);
        if (requestType !== "exec") return;
        if (token !== undefined && this.#options.answersExec !== false) this.connection.answerRequest(token, true);
        const command = new TextDecoder().decode(execRequest.decode(data).command);
        if (this.#options.onExec !== undefined) return this.#options.onExec(this.connection, event.channel, command);
        this.connection.write(event.channel, utf8Encode(`ran ${command}\n`));
        this.connection.request(event.channel, "exit-status", Uint8Array.of(0, 0, 0, 0), { wantReply: false });
        this.connection.sendEof(event.channel);
        this.connection.close(event.channel);
        return;
      }
      case "global-request":
        if (event.token !== undefined) this.connection.answerGlobal(event.token, false);
        return;
      default:
    }
  }

  #onMessage(payload: Uint8Array<ArrayBuffer>): void {
    const number = payload[0]!;
    if (number === 5) {
      this.transport.sink.write(SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" }));
    } else if (number === SSH_MSG_USERAUTH_REQUEST.number) {
      this.#onLogin(payload);
    } else if (number >= 80) {
      this.connection.receive(payload);
    }
  }

  #onLogin(payload: Uint8Array): void {
    const request = SSH_MSG_USERAUTH_REQUEST.decode(payload);
    const { algorithms, password } = this.#options;
    let success = false;
    if (request.methodName === "publickey") {
      const { algorithm, publicKey, signature } = userauthPublickey.decode(request.methodData);
      if (signature === undefined) {
        this.transport.sink.write(SSH_MSG_USERAUTH_PK_OK.encode({ algorithm, publicKey }));
        return;
      }
      const data = userauthSignedData(this.transport.sessionId!, request, { algorithm, publicKey });
      const verifier = algorithms.hostKeys.find(({ name }) => name === algorithm);
      success = verifier?.verify(publicKey, data, signature) !== undefined && this.#refusals-- <= 0;
    } else if (request.methodName === "password") {
      success = userauthPassword.decode(request.methodData).password === password;
    }
    if (success) {
      this.transport.sink.write(SSH_MSG_USERAUTH_SUCCESS.encode({}));
      this.transport.enterConnection();
    } else {
      const authenticationsThatCanContinue = ["publickey", "password"];
      this.transport.sink.write(
        SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue, partialSuccess: false }),
      );
    }
  }
}
