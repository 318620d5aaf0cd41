// Functions that tests call in the page. Their arguments and results are JSON.
import { createPasskey, generateWebKey, keyStore, passkeyIdentity } from "@nacre/web/keys";
import { type Login, logIn, type Observed, PASSKEY } from "./connect.ts";

export { download, upload } from "./transfers.ts";

/** Logs in and runs a command. */
export async function run(
  login: Login,
  command: string,
): Promise<{ readonly stdout: string; readonly kex: string; readonly observed: Observed }> {
  const { ssh, observed } = await logIn(login);
  try {
    const { stdout } = await ssh.exec(command);
    return { stdout, kex: ssh.info.negotiated.kex.name, observed };
  } finally {
    await ssh.close();
  }
}

/** Logs in, and leaves the connection open. */
export async function logInAndStay(login: Login): Promise<void> {
  await logIn(login);
}

/** Generates a WebCrypto key and stores it in IndexedDB. Tries to export its private half. */
export async function storeNewKey(
  name: string,
): Promise<{ readonly authorizedKeysLine: string; readonly algorithm: string; readonly exportError: string }> {
  const key = await generateWebKey();
  await keyStore().add(name, key);
  const [[algorithm, half]] = Object.entries(key.privateKeys) as [[string, CryptoKey]];
  const exportError = await nameOfError(crypto.subtle.exportKey("pkcs8", half));
  return { authorizedKeysLine: key.authorizedKeysLine("a page"), algorithm, exportError };
}

/** Creates a passkey and stores its public data in `localStorage`. Returns its authorized_keys line. */
export async function makePasskey(name: string): Promise<string> {
  const passkey = await createPasskey({ name });
  localStorage.setItem(PASSKEY, JSON.stringify(passkey));
  return passkeyIdentity(passkey).authorizedKeysLine(name);
}

/** Starts to log in with a passkey, and aborts the login while the browser prompts for the passkey. */
export async function abortAtPrompt(
  login: Login,
): Promise<{ readonly loginError: string; readonly promptError: string }> {
  const { credentials } = navigator;
  const abort = new AbortController();
  let promptError: Promise<string> | undefined;
  credentials.get = (options) => {
    Reflect.deleteProperty(credentials, "get");
    const prompt = credentials.get(options);
    promptError = nameOfError(prompt);
    abort.abort();
    return prompt;
  };
  const error = await logIn(login, abort.signal).catch((error: { readonly code: string }) => error);
  return { loginError: "code" in error ? error.code : "none", promptError: (await promptError) ?? "no prompt" };
}

/** Starts a command on a terminal, resizes the terminal at its first output, and then sends a line. Returns the whole output. */
export async function resizeTerminal(
  login: Login,
  command: string,
  before: { readonly columns: number; readonly rows: number },
  after: { readonly columns: number; readonly rows: number },
): Promise<string> {
  const { ssh } = await logIn(login);
  try {
    const terminal = await ssh.spawn(command, { pty: before });
    const reader = terminal.stdout.getReader();
    const decoder = new TextDecoder();
    let output = "";
    for (let isFirst = true; ; isFirst = false) {
      const { value, done } = await reader.read();
      if (done) return output;
      output += decoder.decode(value, { stream: true });
      if (!isFirst) continue;
      terminal.resize(after.columns, after.rows);
      await terminal.stdin.getWriter().write(new TextEncoder().encode("\n"));
    }
  } finally {
    await ssh.close();
  }
}

/** Resolves with the name of the error that a promise rejects with, or "none". */
function nameOfError(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "none",
    (error: Error) => error.name,
  );
}
