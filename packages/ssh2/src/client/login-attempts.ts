import { escapeText, type LoginAttempt } from "nacre/extend";
import { type BaseAgent, createAgent, isAgent } from "../agent/agents.ts";
import { type ParsedKey, parseKey, privateKeyOf } from "../keys/parse-key.ts";
import { clientHostbased } from "./hostbased.ts";
import type { ConnectSettings } from "./options.ts";

/** Shows prompts of the server. `finish` gets one answer for each. */
export type PromptHandler = (
  name: string,
  instructions: string,
  language: string,
  prompts: readonly { readonly prompt: string; readonly echo: boolean }[],
  finish: (answers: unknown) => void,
) => unknown;

/** Asks for a new password. */
export type PasswordChanger = (prompt: string, done: (password: unknown) => void) => unknown;

/** Values for the methods that `authHandler` names by a text. */
export interface LoginDefaults {
  readonly username: string;
  readonly password: string | undefined;
  readonly privateKey: ParsedKey | undefined;
  readonly agent: BaseAgent | undefined;
  readonly tryKeyboard: boolean;
  readonly localHostname: string | undefined;
  readonly localUsername: string | undefined;
  /** Emits "keyboard-interactive"; `undefined` without a listener. */
  readonly prompt: () => PromptHandler | undefined;
  /** Emits "change password"; `undefined` without a listener. */
  readonly changePassword: () => PasswordChanger | undefined;
}

/** Returns what the options of `connect` say. `listenerOf` returns a function that emits an event; `undefined` without a listener. */
export function loginDefaults(
  { config, privateKey }: ConnectSettings,
  listenerOf: (event: string) => ((...values: readonly unknown[]) => void) | undefined,
): LoginDefaults {
  const { username = "", password, agent, tryKeyboard = false, localHostname, localUsername } = config;
  return {
    username,
    password,
    privateKey,
    agent,
    tryKeyboard,
    localHostname,
    localUsername,
    prompt: () => listenerOf("keyboard-interactive"),
    changePassword: () => listenerOf("change password"),
  };
}

/** What to do next: one attempt, or the keys of an agent one after the other. `type` is ssh2's name of the method. */
export type Step =
  | { readonly type: string; readonly attempt: LoginAttempt }
  | { readonly type: "agent"; readonly username: string; readonly agent: BaseAgent };

/** Returns the methods that a client tries without an `authHandler`, in ssh2's order. */
export function allowedMethods(defaults: LoginDefaults): readonly string[] {
  const { password, privateKey, agent, tryKeyboard, localHostname, localUsername } = defaults;
  const hasHost = privateKey !== undefined && localHostname !== undefined && localUsername !== undefined;
  return [
    "none",
    ...(password === undefined ? [] : ["password"]),
    ...(privateKey === undefined ? [] : ["publickey"]),
    ...(agent === undefined ? [] : ["agent"]),
    ...(tryKeyboard ? ["keyboard-interactive"] : []),
    ...(hasHost ? ["hostbased"] : []),
  ];
}

/**
 * Returns the step for an answer of `authHandler`, or a line for `debug` that says why it is skipped. `call` runs what calls the
 * program.
 */
export function stepOf(answer: unknown, defaults: LoginDefaults, call: (call: () => void) => void): Step | string {
  if (typeof answer === "string") return namedStep(answer, defaults);
  if (typeof answer !== "object" || answer === null) return `Skipping invalid authentication attempt: ${shown(answer)}`;
  const given = answer as Readonly<Record<string, unknown>>;
  const { type, username, prompt } = given;
  if (typeof username !== "string") return `Skipping invalid authentication attempt: ${shown(answer)}`;
  switch (type) {
    case "none":
      return { type, attempt: { method: "none", user: username } };
    case "password": {
      const password = Buffer.isBuffer(given.password) ? given.password.toString() : given.password;
      if (typeof password !== "string") return "Skipping invalid password auth attempt";
      return passwordStep(username, password, defaults);
    }
    case "publickey":
      return keyStep(username, given.key, given.passphrase);
    case "hostbased":
      return hostStep(username, given);
    case "agent": {
      const agent = typeof given.agent === "string" && given.agent.length > 0 ? createAgent(given.agent) : given.agent;
      if (!isAgent(agent)) return `Skipping invalid agent: ${shown(given.agent)}`;
      return { type, username, agent };
    }
    case "keyboard-interactive": {
      if (typeof prompt !== "function") return "Skipping invalid keyboard-interactive auth attempt";
      const ask: PromptHandler = (...values) => call(() => (prompt as PromptHandler)(...values));
      return promptsStep(username, () => ask);
    }
    default:
      return `Skipping unsupported authentication method: ${shown(type)}`;
  }
}

/** Returns the step for a method by name, which uses the options of `connect`. */
function namedStep(type: string, defaults: LoginDefaults): Step | string {
  if (!allowedMethods(defaults).includes(type)) return `Authentication method not allowed: ${type}`;
  const { username, password, privateKey, agent } = defaults;
  switch (type) {
    case "none":
      return { type, attempt: { method: "none", user: username } };
    case "password":
      return passwordStep(username, password!, defaults);
    case "publickey":
      return keyStep(username, privateKey);
    case "agent":
      return { type, username, agent: agent! };
    case "keyboard-interactive":
      return promptsStep(username, defaults.prompt);
    default:
      return hostStep(username, { ...defaults, key: privateKey });
  }
}

function passwordStep(user: string, password: string, { changePassword }: LoginDefaults): Step {
  return {
    type: "password",
    attempt: {
      method: "password",
      user,
      password,
      changePassword: (prompt) => {
        const change = changePassword();
        if (change === undefined) return undefined;
        return new Promise((resolve) => {
          change(prompt, (given) => resolve({ oldPassword: password, newPassword: textOf(given) }));
        });
      },
    },
  };
}

function keyStep(user: string, key: unknown, passphrase?: unknown): Step | string {
  const parsed = oneKey(key, passphrase);
  if (parsed === undefined) return "Skipping invalid key auth attempt";
  const identity = privateKeyOf(parsed);
  if (identity === undefined) return "Skipping non-private key";
  return { type: "publickey", attempt: { method: "publickey", user, identity, query: true } };
}

function hostStep(user: string, given: Readonly<Record<string, unknown>>): Step | string {
  const { localHostname: hostname, localUsername: localUser } = given;
  const parsed = oneKey(given.key, given.passphrase);
  if (parsed === undefined || typeof hostname !== "string" || typeof localUser !== "string")
    return "Skipping invalid hostbased auth attempt";
  const key = privateKeyOf(parsed);
  if (key === undefined) return "Skipping non-private key";
  return { type: "hostbased", attempt: { method: clientHostbased({ key, hostname, localUser }), user } };
}

/** Returns the attempt whose prompts `handler` answers. Without a handler, the server gets empty answers until it refuses. */
function promptsStep(user: string, handler: () => PromptHandler | undefined): Step {
  return {
    type: "keyboard-interactive",
    attempt: {
      method: "keyboard-interactive",
      user,
      prompts: ({ name, instruction, prompts }) => {
        const prompt = handler();
        if (prompt === undefined) return undefined;
        return new Promise((resolve) => {
          prompt(name, instruction, "", prompts, (answers) => {
            const given = Array.isArray(answers) ? answers : [];
            resolve(prompts.map((_, index) => textOf(given[index])));
          });
        });
      },
    },
  };
}

function oneKey(key: unknown, passphrase: unknown): ParsedKey | undefined {
  const parsed = parseKey(key as ParsedKey, passphrase as string | Buffer | undefined);
  const one = Array.isArray(parsed) ? parsed[0] : parsed;
  return one instanceof Error ? undefined : one;
}

/** Returns an answer as text. Numbers are converted. */
function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number"
    ? `${value}`
    : Buffer.isBuffer(value)
      ? value.toString()
      : "";
}

/** Shows an invalid answer in a line for `debug`. Objects may hold secrets. */
function shown(value: unknown): string {
  return typeof value === "string" ? escapeText(value.slice(0, 40)) : typeof value;
}
