/** A request that an agent received. Programs pass it back with the reply. */
export class InboundRequest {
  /** Reply, once there is one. Replies leave in the order of the requests. */
  reply: Uint8Array | undefined;
  readonly #type: number;
  readonly #context: string | undefined;

  /** `type` is that of the message; `context` is the name of the signature algorithm that the client asked for. */
  constructor(type: number, context?: string) {
    this.#type = type;
    this.#context = context;
  }

  hasResponded(): boolean {
    return this.reply !== undefined;
  }

  getType(): number {
    return this.#type;
  }

  getContext(): string | undefined {
    return this.#context;
  }
}
