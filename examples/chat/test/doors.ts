import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, type ConnectOptions, connect, type NodeProcess } from "@nacre/node";
import { afterAll, beforeAll, expect } from "vitest";
import { WebSocket } from "ws";
import { type Chat, type ChatOptions, openChat } from "../src/chat.ts";

/** Opens a chat on free ports for the tests of a `describe`. */
export function useChat(options: Partial<ChatOptions> = {}): { readonly chat: Chat } {
  const folder = mkdtempSync(join(tmpdir(), "nacre-chat-"));
  let chat: Chat | undefined;
  beforeAll(async () => {
    chat = await openChatHere(folder, options);
  });
  afterAll(async () => {
    await chat?.close();
    rmSync(folder, { recursive: true });
  });
  return {
    get chat() {
      if (chat === undefined) throw new Error("the chat has not started");
      return chat;
    },
  };
}

/** Opens a chat on free loopback ports. Stores its host key in `folder`. */
export function openChatHere(folder: string, options: Partial<ChatOptions> = {}): Promise<Chat> {
  const host = "127.0.0.1";
  return openChat({ ssh: { host, port: 0, hostKey: join(folder, "host_key") }, web: { host, port: 0 }, ...options });
}

/** Returns the types of the active resources of this process. Excludes timers, because the test runner has its own. */
export function openResources(): string[] {
  const names = process.getActiveResourcesInfo().filter((name) => name !== "Timeout" && name !== "Immediate");
  return names.sort((a, b) => a.localeCompare(b));
}

/** Resolves when no more resources are open than `before`. Closing ones disappear within some rounds of the event loop. */
export async function released(before: readonly string[]): Promise<void> {
  const more = (): string[] => {
    const rest = [...before];
    return openResources().filter((name) => {
      const at = rest.indexOf(name);
      if (at >= 0) rest.splice(at, 1);
      return at < 0;
    });
  };
  await expect.poll(more, { timeout: 10_000 }).toEqual([]);
}

/** WebSocket client that acts as a page. */
export class TestPage {
  readonly socket: WebSocket;
  readonly messages: Record<string, unknown>[] = [];
  /** Resolves with the close code. */
  readonly closed: Promise<number>;
  #look: () => void = () => {};

  constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.on("close", (code) => {
        resolve(code);
        this.#look();
      });
    });
    socket.on("message", (data) => {
      this.messages.push(JSON.parse((data as Buffer).toString()) as Record<string, unknown>);
      this.#look();
    });
  }

  /** Opens a WebSocket to the chat. Rejects if the chat refuses it. */
  static async open(
    port: number,
    origin: string | undefined = `http://localhost:${port}`,
    path = "/room",
  ): Promise<TestPage> {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, { ...(origin !== undefined && { origin }) });
    const page = new TestPage(socket);
    await new Promise((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return page;
  }

  /** Opens a WebSocket and joins. */
  static async join(port: number, name: string): Promise<TestPage> {
    const page = await TestPage.open(port);
    page.send({ type: "join", name });
    await page.until({ type: "welcome" });
    return page;
  }

  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  say(text: string): void {
    this.send({ type: "say", text });
  }

  /** Resolves with the first message that has these fields. Rejects if the socket closes first. */
  async until(fields: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>> {
    for (;;) {
      const found = this.messages.find((message) =>
        Object.entries(fields).every(([key, value]) => message[key] === value),
      );
      if (found !== undefined) return found;
      if (this.socket.readyState === WebSocket.CLOSED)
        throw new Error(`closed before ${JSON.stringify(fields)}: ${JSON.stringify(this.messages)}`);
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }

  /** Removes the received messages of one type. */
  forget(type: string): void {
    this.messages.splice(0, this.messages.length, ...this.messages.filter((message) => message.type !== type));
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}

/** Options of `connect` for a login without a key. */
export function loginTo(port: number): Pick<ConnectOptions, "host" | "port" | "identities" | "prompts" | "hostKey"> {
  return { host: "127.0.0.1", port, identities: [], prompts: () => [], hostKey: () => true };
}

/** Guest that uses Nacre's SSH client. */
export class TestTerminal {
  readonly client: Client;
  readonly process: NodeProcess;
  shown = "";
  #look: () => void = () => {};

  constructor(client: Client, process: NodeProcess) {
    this.client = client;
    this.process = process;
  }

  static async open(port: number, user: string, { pty = true, reads = true } = {}): Promise<TestTerminal> {
    const client = await connect({
      ...loginTo(port),
      user,
      // With a small window, a client that does not read counts as slow sooner.
      limits: { initialWindow: 32_768, maxWindow: 32_768 },
    });
    const process = await client.shell({ pty: pty ? { columns: 80, rows: 24 } : false });
    const terminal = new TestTerminal(client, process);
    if (reads)
      process.stdout.on("data", (bytes: Buffer) => {
        terminal.shown += bytes.toString();
        terminal.#look();
      });
    process.stdout.on("close", () => terminal.#look());
    return terminal;
  }

  type(text: string): void {
    this.process.stdin.write(text);
  }

  /** Resolves when the terminal has received this text. Rejects if the output ends first. */
  async until(text: string): Promise<void> {
    while (!this.shown.includes(text)) {
      if (this.process.stdout.destroyed) throw new Error(`ended before ${JSON.stringify(text)}: ${this.shown}`);
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}
