import type { Bytes } from "../bytes.ts";
import { Reader } from "../reader.ts";
import {
  boolean,
  counted,
  type Empty,
  languageTag,
  longText,
  type Message,
  message,
  name,
  nameList,
  rest,
  type Structure,
  string,
  structure,
  text,
  utf8,
} from "../structure.ts";
import { Writer } from "../writer.ts";

/** RFC 4252 §5. What follows depends on the method: see the structures below. */
export interface UserauthRequest {
  readonly userName: string;
  readonly serviceName: string;
  readonly methodName: string;
  /** Encoded by `userauthPublickey`, `userauthPassword` or `userauthKeyboardInteractive`; empty for "none". */
  readonly methodData: Uint8Array;
}

/** Message 50: requests a login by one method (RFC 4252 §5). */
export const SSH_MSG_USERAUTH_REQUEST: Message<UserauthRequest> = message(50, "SSH_MSG_USERAUTH_REQUEST", {
  userName: utf8,
  serviceName: name,
  methodName: name,
  methodData: rest,
});

/** RFC 4252 §7: without a signature it asks whether the key would do; with one it is the login itself. */
export interface UserauthPublickey {
  readonly algorithm: string;
  /** Public key blob. */
  readonly publicKey: Uint8Array;
  /** Signature blob, or `undefined` for the query. */
  readonly signature: Uint8Array | undefined;
}

/** Method-specific fields of "publickey" (RFC 4252 §7). */
export const userauthPublickey: Structure<UserauthPublickey> = {
  name: "publickey request",
  encode: ({ algorithm, publicKey, signature }) => {
    const writer = new Writer(512);
    writer
      .boolean(signature !== undefined)
      .string(algorithm)
      .string(publicKey);
    if (signature !== undefined) writer.string(signature);
    return writer.finish();
  },
  decode: (bytes) => {
    const reader = new Reader(bytes, "publickey request");
    const signed = reader.boolean("hasSignature");
    const algorithm = reader.name("algorithm");
    const publicKey = reader.string("publicKey");
    const signature = signed ? reader.string("signature") : undefined;
    reader.end();
    return { algorithm, publicKey, signature };
  },
};

/**
 * What a publickey login signs (RFC 4252 §7): the session identifier as a string, then the request up to its signature.
 */
export function userauthSignedData(
  sessionId: Uint8Array,
  request: Pick<UserauthRequest, "userName" | "serviceName">,
  key: Pick<UserauthPublickey, "algorithm" | "publicKey">,
): Bytes {
  return new Writer(512)
    .string(sessionId)
    .byte(SSH_MSG_USERAUTH_REQUEST.number)
    .string(request.userName)
    .string(request.serviceName)
    .string("publickey")
    .boolean(true)
    .string(key.algorithm)
    .string(key.publicKey)
    .finish();
}

/** RFC 4252 §8. */
export interface UserauthPassword {
  readonly password: string;
  /** Set when the request changes the password. */
  readonly newPassword: string | undefined;
}

/** Method-specific fields of "password" (RFC 4252 §8). */
export const userauthPassword: Structure<UserauthPassword> = {
  name: "password request",
  encode: ({ password, newPassword }) => {
    const writer = new Writer().boolean(newPassword !== undefined).string(password);
    if (newPassword !== undefined) writer.string(newPassword);
    return writer.finish();
  },
  decode: (bytes) => {
    const reader = new Reader(bytes, "password request");
    const changes = reader.boolean("changesPassword");
    const password = reader.utf8("password");
    const newPassword = changes ? reader.utf8("newPassword") : undefined;
    reader.end();
    return { password, newPassword };
  },
};

/** RFC 4256 §3.1. */
export interface UserauthKeyboardInteractive {
  readonly languageTag: string;
  /** A hint: names of methods the user wishes, usually none. */
  readonly submethods: string;
}

/** Method-specific fields of "keyboard-interactive" (RFC 4256 §3.1). */
export const userauthKeyboardInteractive: Structure<UserauthKeyboardInteractive> = structure(
  "keyboard-interactive request",
  { languageTag: text, submethods: text },
);

/** RFC 4252 §5.1. */
export interface UserauthFailure {
  /** Methods that may go on from here. */
  readonly authenticationsThatCanContinue: readonly string[];
  /** The request succeeded, but more is wanted. */
  readonly partialSuccess: boolean;
}

/** Message 51: refuses a login, or accepts one part of it (RFC 4252 §5.1). */
export const SSH_MSG_USERAUTH_FAILURE: Message<UserauthFailure> = message(51, "SSH_MSG_USERAUTH_FAILURE", {
  authenticationsThatCanContinue: nameList,
  partialSuccess: boolean,
});

/** RFC 4252 §5.1. */
export const SSH_MSG_USERAUTH_SUCCESS: Message<Empty> = message<Empty>(52, "SSH_MSG_USERAUTH_SUCCESS", {});

/** RFC 4252 §5.4. */
export interface UserauthBanner {
  /** For people; escape it before showing it. */
  readonly message: string;
  readonly languageTag: string;
}

/** Message 53: text for the user before login (RFC 4252 §5.4). */
export const SSH_MSG_USERAUTH_BANNER: Message<UserauthBanner> = message(53, "SSH_MSG_USERAUTH_BANNER", {
  message: longText,
  languageTag,
});

/** RFC 4252 §7: the key of a query would do. Number 60 means this under "publickey" only. */
export interface UserauthPkOk {
  readonly algorithm: string;
  readonly publicKey: Uint8Array;
}

/** Message 60 of "publickey": says that a signature by this key would be considered (RFC 4252 §7). */
export const SSH_MSG_USERAUTH_PK_OK: Message<UserauthPkOk> = message(60, "SSH_MSG_USERAUTH_PK_OK", {
  algorithm: name,
  publicKey: string,
});

/** RFC 4252 §8: the password must be changed. Number 60 means this under "password" only. */
export interface UserauthPasswdChangereq {
  /** For people; escape it before showing it. */
  readonly prompt: string;
  readonly languageTag: string;
}

/** Message 60 of "password": asks for a new password (RFC 4252 §8). */
export const SSH_MSG_USERAUTH_PASSWD_CHANGEREQ: Message<UserauthPasswdChangereq> = message(
  60,
  "SSH_MSG_USERAUTH_PASSWD_CHANGEREQ",
  { prompt: longText, languageTag: text },
);

/** One question of RFC 4256 §3.2. */
export interface Prompt {
  /** For people; escape it before showing it. */
  readonly prompt: string;
  /** Whether the answer may be seen as it is typed. */
  readonly echo: boolean;
}

/** RFC 4256 §3.2. Number 60 means this under "keyboard-interactive" only. */
export interface UserauthInfoRequest {
  readonly name: string;
  readonly instruction: string;
  readonly languageTag: string;
  readonly prompts: readonly Prompt[];
}

/** Message 60 of "keyboard-interactive": asks the user the prompts (RFC 4256 §3.2). */
export const SSH_MSG_USERAUTH_INFO_REQUEST: Message<UserauthInfoRequest> = message(
  60,
  "SSH_MSG_USERAUTH_INFO_REQUEST",
  {
    name: longText,
    instruction: longText,
    languageTag: text,
    prompts: counted<Prompt>(5, {
      read: (reader, field) => ({
        prompt: longText.read(reader, `${field}.prompt`),
        echo: reader.boolean(`${field}.echo`),
      }),
      write: (writer, { prompt, echo }) => writer.string(prompt).boolean(echo),
    }),
  },
);

/** RFC 4256 §3.4. */
export interface UserauthInfoResponse {
  /** One for each prompt, in order. */
  readonly responses: readonly string[];
}

/** Message 61 of "keyboard-interactive": one response for each prompt (RFC 4256 §3.4). */
export const SSH_MSG_USERAUTH_INFO_RESPONSE: Message<UserauthInfoResponse> = message(
  61,
  "SSH_MSG_USERAUTH_INFO_RESPONSE",
  { responses: counted(4, utf8) },
);
