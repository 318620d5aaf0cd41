// The smallest client for a WebSocket gateway. check-bundle.ts holds its size.
import { webSocketDuplex } from "@nacre/web";
import { type Login, run } from "./minimal-client.ts";

/** Returns the output of a command. */
export async function runOverWebSocket(url: string, command: string, login: Login): Promise<string> {
  return run(await webSocketDuplex({ url, host: "example.org" }), command, login);
}
