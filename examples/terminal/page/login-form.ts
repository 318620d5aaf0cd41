import { ppkFiles } from "@nacre/keyfiles";
import type { WebIdentity } from "@nacre/web/keys";
import { privateKey } from "nacre";
import type { PageDestination } from "../src/destination.ts";
import { hideChangedHostKey } from "./changed-host-key.ts";
import { element, withText } from "./elements.ts";
import { KeyCard } from "./key-card.ts";
import { browserKey, hasPasskeys, passkey } from "./page-keys.ts";
import { explain } from "./problems.ts";

/** Most bytes of a dropped or chosen file. Private keys are smaller. */
const MAX_FILE = 64 * 1024;

type PrivateKey = Awaited<ReturnType<typeof privateKey>>;

const form = element("login", HTMLFormElement);
const host = element("host", HTMLSelectElement);
const user = element("user", HTMLInputElement);
const password = element("password", HTMLInputElement);
const keyText = element("key-text", HTMLTextAreaElement);
const keyFile = element("key-file", HTMLInputElement);
const passphrase = element("passphrase", HTMLInputElement);
const problem = element("problem", HTMLElement);
const connectButton = element("connect", HTMLButtonElement);
const passkeyNote = element("passkey-note", HTMLElement);
const cancelButton = element("cancel", HTMLButtonElement);

/** How the user proves who they are. */
export type Method = "password" | "browser-key" | "passkey" | "key-file";

/** What the user entered. */
export interface Login {
  readonly destination: PageDestination;
  readonly user: string;
  readonly method: Method;
  readonly password?: string;
  readonly identities?: readonly (WebIdentity | PrivateKey)[];
}

/** The login form. */
export class LoginForm {
  readonly #destinations: readonly PageDestination[];
  readonly #cards = {
    "browser-key": new KeyCard(element("browser-key", HTMLElement), browserKey, {
      key: "a key",
      confirmDelete: "Delete this key? It cannot be restored.",
    }),
    passkey: new KeyCard(element("passkey", HTMLElement), passkey, {
      key: "a passkey",
      confirmDelete:
        "Forget this passkey? Its public key cannot be restored. The passkey itself stays in the browser's list.",
    }),
  };

  /** `onLogin` is called when the user submits the form, `onCancel` when they cancel a login. */
  constructor(destinations: readonly PageDestination[], onLogin: (login: Login) => void, onCancel: () => void) {
    this.#destinations = destinations;
    host.replaceChildren(...destinations.map(({ host, port }) => withText("option", `${host} port ${port}`)));
    host.addEventListener("change", () => {
      this.#forgetProblems();
      this.#showHost();
    });
    this.#showHost();
    if (!hasPasskeys()) this.#disablePasskeys();
    for (const radio of this.#methods())
      radio.addEventListener("change", () => {
        this.#forgetProblems();
        this.#showMethod();
      });
    this.#showMethod();
    this.#takeFiles();
    cancelButton.addEventListener("click", onCancel);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#submit(onLogin);
    });
    (user.value === "" ? user : password).focus();
  }

  /** Shows a problem, or removes it with an empty text. */
  showProblem(text: string): void {
    problem.textContent = text;
  }

  /** Disables the form while a login runs. */
  setBusy(isBusy: boolean): void {
    connectButton.disabled = isBusy;
    connectButton.textContent = isBusy ? "Connecting…" : "Connect";
    cancelButton.hidden = !isBusy;
  }

  /** Removes the secrets from the form and shows the current keys. */
  reset(): void {
    for (const field of [password, keyText, passphrase, keyFile]) field.value = "";
    this.#showMethod();
  }

  /** Moves the focus to the first field that needs input. */
  focus(): void {
    const secret = { password, "key-file": keyText, "browser-key": connectButton, passkey: connectButton };
    secret[this.#method].focus();
  }

  /** Logs in again to the same host in the same way. The page keeps no password and no key file, so the user enters them again. */
  logInAgain(): void {
    this.focus();
    if (this.#method === "browser-key" || this.#method === "passkey") form.requestSubmit();
  }

  get #method(): Method {
    return [...this.#methods()].find(({ checked }) => checked)!.value as Method;
  }

  #methods(): NodeListOf<HTMLInputElement> {
    return form.querySelectorAll<HTMLInputElement>("input[name=method]");
  }

  #showHost(): void {
    const { user: suggested, verifiesPasskeys = true } = this.#destinations[host.selectedIndex] ?? {};
    if (suggested !== undefined) user.value = suggested;
    passkeyNote.hidden = verifiesPasskeys;
  }

  /** Hides problems of another host or another way to log in. */
  #forgetProblems(): void {
    this.showProblem("");
    hideChangedHostKey();
  }

  #showMethod(): void {
    const method = this.#method;
    for (const part of form.querySelectorAll<HTMLElement>(".method")) part.hidden = part.dataset.method !== method;
    if (method === "browser-key" || method === "passkey") void this.#cards[method].show();
  }

  #disablePasskeys(): void {
    const radio = form.querySelector<HTMLInputElement>("input[value=passkey]")!;
    radio.disabled = true;
    radio.parentElement!.title = "This browser or address does not support passkeys";
  }

  async #submit(onLogin: (login: Login) => void): Promise<void> {
    this.#forgetProblems();
    const destination = this.#destinations[host.selectedIndex];
    if (destination === undefined) return this.showProblem("Choose a host.");
    if (user.value === "") {
      user.focus();
      return this.showProblem("Enter a user name.");
    }
    const attempt = { destination, user: user.value, method: this.#method };
    try {
      onLogin({ ...attempt, ...(await this.#credential()) });
    } catch (error) {
      this.showProblem(explain(error, attempt));
    }
  }

  async #credential(): Promise<Pick<Login, "password" | "identities">> {
    switch (this.#method) {
      case "browser-key":
        return { identities: [await existing(browserKey.get(), "Make a key first, and add its line on the host.")] };
      case "passkey":
        return { identities: [await existing(passkey.get(), "Make a passkey first, and add its line on the host.")] };
      case "key-file":
        if (keyText.value.trim() === "") throw new Error("Paste a private key, or choose its file.");
        return { identities: [await openKey(keyText.value, passphrase.value)] };
      default:
        return { password: password.value };
    }
  }

  #takeFiles(): void {
    keyFile.addEventListener("change", () => void this.#read(keyFile.files?.[0]));
    keyText.addEventListener("dragover", (event) => {
      event.preventDefault();
      keyText.classList.add("dropping");
    });
    for (const end of ["dragleave", "drop"]) keyText.addEventListener(end, () => keyText.classList.remove("dropping"));
    keyText.addEventListener("drop", (event) => {
      const file = event.dataTransfer?.files[0];
      if (file === undefined) return;
      event.preventDefault();
      void this.#read(file);
    });
  }

  async #read(file: File | undefined): Promise<void> {
    if (file === undefined) return;
    if (file.size > MAX_FILE) return this.showProblem(`${file.name} is too large for a private key.`);
    this.showProblem("");
    keyText.value = await file.text();
  }
}

async function existing<T>(key: Promise<T | undefined>, missing: string): Promise<T> {
  const found = await key;
  if (found === undefined) throw new Error(missing);
  return found;
}

function openKey(text: string, passphrase: string): Promise<PrivateKey> {
  return privateKey(text, { forms: [ppkFiles], ...(passphrase !== "" && { passphrase }) });
}
