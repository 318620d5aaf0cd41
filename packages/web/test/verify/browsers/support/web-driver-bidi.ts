import { once } from "node:events";
import { WebSocket } from "ws";

/** Answer of a browser to a command, or an event (WebDriver BiDi §3.2). */
interface Message {
  readonly type: "success" | "error" | "event";
  readonly id: number | null;
  readonly result?: unknown;
  readonly error?: string;
  readonly message?: string;
}

/** Result of a function called in a page (WebDriver BiDi §7.6.3). */
interface Evaluated {
  readonly type: "success" | "exception";
  readonly result?: { readonly value?: unknown };
  readonly exceptionDetails?: { readonly text: string };
}

/** Most milliseconds to wait for the answer to a command. Calls in pages have the bound of their test instead. */
const COMMAND_TIMEOUT = 30_000;

/** A WebDriver BiDi session: the part of the protocol that drives a page by calling its functions. */
export class BidiSession {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
  #lastId = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: Buffer) => this.#onMessage(JSON.parse(data.toString()) as Message));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the browser closed the session"));
      this.#waiting.clear();
    });
  }

  /** Starts a session at the address that a browser printed, such as `ws://127.0.0.1:1234`. */
  static async start(address: string): Promise<BidiSession> {
    const socket = new WebSocket(`${address}/session`, { handshakeTimeout: COMMAND_TIMEOUT });
    await once(socket, "open");
    const session = new BidiSession(socket);
    await session.#send("session.new", { capabilities: {} });
    return session;
  }

  /** Opens a tab with storage of its own, and loads a page in it. Resolves with the identifier of the tab. */
  async openTab(url: string): Promise<string> {
    const { userContext } = (await this.#send("browser.createUserContext", {})) as { readonly userContext: string };
    const created = await this.#send("browsingContext.create", { type: "tab", userContext });
    const { context } = created as { readonly context: string };
    await this.#send("browsingContext.navigate", { context, url, wait: "complete" });
    return context;
  }

  async closeTab(context: string): Promise<void> {
    await this.#send("browsingContext.close", { context });
  }

  async reload(context: string): Promise<void> {
    await this.#send("browsingContext.reload", { context, wait: "complete" });
  }

  /** Calls a function in a page with texts. Resolves with the text that it returns or resolves with. */
  async callFunction(context: string, functionDeclaration: string, texts: readonly string[]): Promise<string> {
    const params = {
      functionDeclaration,
      target: { context },
      arguments: texts.map((value) => ({ type: "string", value })),
      awaitPromise: true,
    };
    const { type, result, exceptionDetails } = (await this.#send("script.callFunction", params, 0)) as Evaluated;
    if (type === "exception") throw new Error(`the page threw ${exceptionDetails?.text}`);
    return String(result?.value);
  }

  /** Tells the browser to exit. */
  async closeBrowser(): Promise<void> {
    await this.#send("browser.close", {});
    this.#socket.terminate();
  }

  /** Sends a command. Resolves with its result. Rejects if the browser refuses it, or does not answer in time; 0 waits without a bound. */
  async #send(method: string, params: object, timeout = COMMAND_TIMEOUT): Promise<unknown> {
    const id = ++this.#lastId;
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise((resolve, reject) => {
        this.#waiting.set(id, { resolve, reject });
        if (timeout > 0) timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), timeout);
        this.#socket.send(JSON.stringify({ id, method, params }));
      });
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  #onMessage({ type, id, result, error, message }: Message): void {
    const waiting = id === null ? undefined : this.#waiting.get(id);
    if (type === "success") waiting?.resolve(result);
    else if (type === "error") waiting?.reject(new Error(`the browser answered ${error}: ${message}`));
  }
}
