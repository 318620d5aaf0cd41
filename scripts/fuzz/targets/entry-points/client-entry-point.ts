import type { PrivateKey } from "@nacre/keys";
import { seededRandom } from "@nacre/testing/random";
import {
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  utf8DecodeLossy,
} from "@nacre/wire";
import {
  type Client,
  connect,
  type ForwardTarget,
  type ListenAddress,
  type Process,
  type RemoteListener,
  type WebPair,
  type WebStreams,
} from "nacre";
import { expectRefusal, expectTrue } from "../../contract.ts";
import { letIn } from "../protocol/let-in.ts";
import { type SessionSuite, SMALL_WINDOWS } from "../protocol/suites.ts";
import { EntryPoint, type Work } from "./entry-point.ts";

/** Maximum output of a command in bytes, low enough for an input to exceed it. */
const MAX_OUTPUT = 2048;

/** Tests `connect` with an application that runs commands with input and output, and forwards connections. */
export class ClientEntryPoint extends EntryPoint {
  readonly #userKey: PrivateKey;
  readonly #abort = new AbortController();
  readonly #waits: Work[] = [];
  readonly #processes: Process[] = [];
  readonly #listeners: RemoteListener<WebStreams>[] = [];
  #client: Client | undefined;
  #hostKeyAccepted = false;
  #loginsSent = 0;
  #successSent = false;

  constructor(suite: SessionSuite) {
    super("server", suite);
    const { algorithms, hostKey, userKey } = suite;
    this.#userKey = userKey;
    const connecting = connect(this.duplex, {
      user: "alice",
      algorithms,
      random: seededRandom(1),
      limits: SMALL_WINDOWS,
      hostKey: () => this.answer(this.#acceptHostKey(), false),
      identities: [userKey, inAnAgent(hostKey.publicKey, () => this.answer(new Uint8Array(64), undefined))],
      password: (attempt) => (attempt < 3 ? this.answer("secret", undefined) : undefined),
      prompts: ({ prompts }) =>
        this.answer(
          prompts.map(() => "answer"),
          undefined,
        ),
      changePassword: () => this.answer({ oldPassword: "secret", newPassword: "other" }, undefined),
      signal: this.#abort.signal,
    });
    this.#wait(connecting.then((client) => this.#onConnected(client)));
    this.peer.take();
  }

  logIn(): void {
    this.peer.send(...letIn(this.#userKey));
  }

  protected command(which: number, channel: number, data: Uint8Array): void {
    const client = this.#client;
    const process = this.#processes[channel];
    const actions = [
      () => this.#abort.abort(),
      () => client && this.#wait(client.exec(data, { maxOutput: MAX_OUTPUT, encoding: "bytes" })),
      () => client && this.#wait(client.spawn(data).then((started) => this.#use(started))),
      () => client && this.#wait(client.shell().then((started) => this.#use(started))),
      () => client && this.#wait(client.subsystem(utf8DecodeLossy(data)).then((started) => this.#use(started))),
      () => process?.kill(),
      () => process?.resize(80, 24),
      () => process && this.#wait(process.close()),
      () => client?.rekey(),
      () => client && this.#wait(client.close()),
      () => client && this.#dial(client, { host: utf8DecodeLossy(data), port: 22 }),
      () => client && this.#dial(client, { path: utf8DecodeLossy(data) }),
      () => client && this.#listen(client, { port: channel }),
      () => client && this.#listen(client, { path: utf8DecodeLossy(data) }),
      () => this.#wait(this.#listeners[channel]?.close() ?? Promise.resolve()),
    ];
    actions[which % actions.length]!();
  }

  protected close(): void {
    this.#abort.abort();
    if (this.#client !== undefined) this.#wait(this.#client.close());
  }

  protected get ended(): boolean {
    return this.#waits.every(({ settled }) => settled);
  }

  protected expectEnded(): void {
    expectTrue(this.ended, "a promise is still pending after the connection ended");
  }

  protected override heard(payload: Uint8Array): void {
    super.heard(payload);
    if (payload[0] === SSH_MSG_CHANNEL_OPEN_CONFIRMATION.number)
      expectTrue(this.#listeners.length > 0, "the client accepted a channel without a listener");
    if (payload[0] !== SSH_MSG_USERAUTH_REQUEST.number) return;
    expectTrue(this.#hostKeyAccepted, "the client sent a login before the host key was accepted");
    this.#loginsSent++;
  }

  protected override peerSent(payload: Uint8Array): void {
    super.peerSent(payload);
    if (payload[0] === SSH_MSG_USERAUTH_SUCCESS.number) this.#successSent ||= this.#loginsSent > 0;
  }

  #acceptHostKey(): true {
    this.#hostKeyAccepted ||= this.policy === "grant";
    return true;
  }

  #onConnected(client: Client): void {
    this.judge(() => {
      expectTrue(this.#hostKeyAccepted, "the client connected before the host key was accepted");
      expectTrue(this.#successSent, "the client connected without a successful login");
    });
    this.#client = client;
    this.#wait(client.ended.then(expectRefusal));
    this.#wait(client.exec("run", { input: "input", maxOutput: MAX_OUTPUT, encoding: "bytes" }));
  }

  /** Reads a command's output, and ends its input. */
  #use(process: Process): void {
    this.#processes.push(process);
    this.#wait(process.exit);
    if (this.policy === "hold") return;
    this.#wait(process.stdin.close());
    for (const output of [process.stdout, process.stderr]) this.#wait(output.pipeTo(new WritableStream()));
  }

  #dial(client: Client, target: ForwardTarget): void {
    this.#wait(client.dial(target, { signal: this.#abort.signal }).then((pair) => this.#forward(pair)));
  }

  #listen(client: Client, address: ListenAddress): void {
    this.#wait(
      client.listen(address).then((listener) => {
        this.#listeners.push(listener);
        if (this.policy !== "hold") this.#wait(this.#takeAll(listener));
      }),
    );
  }

  async #takeAll(listener: RemoteListener<WebStreams>): Promise<void> {
    for await (const pair of listener) this.#forward(pair);
  }

  /** Echoes the data of a connection, or closes it, depending on the policy. */
  #forward({ readable, writable }: WebPair): void {
    if (this.policy === "grant") {
      this.#wait(readable.pipeTo(writable));
    } else if (this.policy === "refuse") {
      this.#wait(readable.cancel());
      this.#wait(writable.close());
    }
  }

  #wait(work: Promise<unknown>): void {
    this.#waits.push(this.watch(work));
  }
}

/** Returns an identity in an agent, with signatures that are not valid. */
function inAnAgent(
  publicKey: PrivateKey["publicKey"],
  sign: () => Uint8Array | undefined | Promise<Uint8Array | undefined>,
) {
  return { publicKey, comment: "in an agent", sign: async () => sign() };
}
