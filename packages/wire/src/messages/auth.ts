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

/** Fields of SSH_MSG_USERAUTH_REQUEST (RFC 4252 §5). The method determines the format of `methodData`: see the structures below. */
export interface UserauthRequest {
  readonly userName: string;
  readonly serviceName: string;
  readonly methodName: string;
  /** Data encoded by `userauthPublickey`, `userauthPassword` or `userauthKeyboardInteractive`; empty for "none". */
  readonly methodData: Uint8Array;
}

/** Message 50: requests authentication by one method (RFC 4252 §5). */
export const SSH_MSG_USERAUTH_REQUEST: Message<UserauthRequest> = message(50, "SSH_MSG_USERAUTH_REQUEST", {
  userName: utf8,
  serviceName: name,
  methodName: name,
  methodData: rest,
});

/** Fields of the "publickey" method (RFC 4252 §7). Without a signature, it queries whether the key is acceptable; with one, it logs in. */
export interface UserauthPublickey {
  readonly algorithm: string;
  /** Public key blob. */
  readonly publicKey: Uint8Array;
  /** Signature blob; `undefined` for a query. */
  readonly signature: Uint8Array | undefined;
  /** Blob of the server's host key, only in a host-bound request. */
  readonly hostKey?: Uint8Array | undefined;
}

/** Codec for the method-specific fields of "publickey" (RFC 4252 §7). */
export const userauthPublickey: Structure<UserauthPublickey> = {
  name: "publickey request",
  encode: encodePublickey,
  decode: (bytes) => decodePublickey(bytes, false),
};

/** Name of the "publickey" method whose signature covers the server's host key (OpenSSH PROTOCOL §3.1). */
export const HOST_BOUND = "publickey-hostbound-v00@openssh.com";

/** Codec for the method-specific fields of `HOST_BOUND`. */
export const userauthHostBound: Structure<UserauthPublickey> = {
  name: "host-bound publickey request",
  encode: encodePublickey,
  decode: (bytes) => decodePublickey(bytes, true),
};

function encodePublickey({ algorithm, publicKey, signature, hostKey }: UserauthPublickey): Bytes {
  const writer = new Writer(512)
    .boolean(signature !== undefined)
    .string(algorithm)
    .string(publicKey);
  if (hostKey !== undefined) writer.string(hostKey);
  if (signature !== undefined) writer.string(signature);
  return writer.finish();
}

function decodePublickey(bytes: Uint8Array, isHostBound: boolean): UserauthPublickey {
  const reader = new Reader(bytes, "publickey request");
  const signed = reader.boolean("hasSignature");
  const algorithm = reader.name("algorithm");
  const publicKey = reader.string("publicKey");
  const hostKey = isHostBound ? reader.string("hostKey") : undefined;
  const signature = signed ? reader.string("signature") : undefined;
  reader.end();
  return { algorithm, publicKey, signature, ...(hostKey && { hostKey }) };
}

/**
 * Returns the data that a "publickey" login signs: the session identifier, then the request up to the signature (RFC 4252 §7). With a host
 * key, the request is host-bound.
 */
export function userauthSignedData(
  sessionId: Uint8Array,
  request: Pick<UserauthRequest, "userName" | "serviceName">,
  { algorithm, publicKey, hostKey }: Pick<UserauthPublickey, "algorithm" | "publicKey" | "hostKey">,
): Bytes {
  const writer = new Writer(512)
    .string(sessionId)
    .byte(SSH_MSG_USERAUTH_REQUEST.number)
    .string(request.userName)
    .string(request.serviceName)
    .string(hostKey === undefined ? "publickey" : HOST_BOUND)
    .boolean(true)
    .string(algorithm)
    .string(publicKey);
  if (hostKey !== undefined) writer.string(hostKey);
  return writer.finish();
}

/** Fields of the "password" method (RFC 4252 §8). */
export interface UserauthPassword {
  readonly password: string;
  /** New password; `undefined` if the request does not change it. */
  readonly newPassword: string | undefined;
}

/** Codec for the method-specific fields of "password" (RFC 4252 §8). */
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

/** Fields of the "keyboard-interactive" method (RFC 4256 §3.1). */
export interface UserauthKeyboardInteractive {
  readonly languageTag: string;
  /** Comma-separated names of submethods that the user prefers; usually empty. */
  readonly submethods: string;
}

/** Codec for the method-specific fields of "keyboard-interactive" (RFC 4256 §3.1). */
export const userauthKeyboardInteractive: Structure<UserauthKeyboardInteractive> = /* @__PURE__ */ structure(
  "keyboard-interactive request",
  { languageTag: text, submethods: text },
);

/** Fields of SSH_MSG_USERAUTH_FAILURE (RFC 4252 §5.1). */
export interface UserauthFailure {
  /** Methods that the client may try next. */
  readonly authenticationsThatCanContinue: readonly string[];
  /** Whether the request succeeded but further authentication is required. */
  readonly partialSuccess: boolean;
}

/** Message 51: rejects an authentication request, or accepts it as one of several required steps (RFC 4252 §5.1). */
export const SSH_MSG_USERAUTH_FAILURE: Message<UserauthFailure> = message(51, "SSH_MSG_USERAUTH_FAILURE", {
  authenticationsThatCanContinue: nameList,
  partialSuccess: boolean,
});

/** Message 52: accepts the login (RFC 4252 §5.1). */
export const SSH_MSG_USERAUTH_SUCCESS: Message<Empty> = message<Empty>(52, "SSH_MSG_USERAUTH_SUCCESS", {});

/** Fields of SSH_MSG_USERAUTH_BANNER (RFC 4252 §5.4). */
export interface UserauthBanner {
  /** Text for the user; escape it before display. */
  readonly message: string;
  readonly languageTag: string;
}

/** Message 53: text to show to the user before login (RFC 4252 §5.4). */
export const SSH_MSG_USERAUTH_BANNER: Message<UserauthBanner> = message(53, "SSH_MSG_USERAUTH_BANNER", {
  message: longText,
  languageTag,
});

/** Fields of SSH_MSG_USERAUTH_PK_OK (RFC 4252 §7), which is number 60 under "publickey" only. */
export interface UserauthPkOk {
  readonly algorithm: string;
  readonly publicKey: Uint8Array;
}

/** Message 60 of "publickey": the server would accept a signature by this key (RFC 4252 §7). */
export const SSH_MSG_USERAUTH_PK_OK: Message<UserauthPkOk> = /* @__PURE__ */ message(60, "SSH_MSG_USERAUTH_PK_OK", {
  algorithm: name,
  publicKey: string,
});

/** Fields of SSH_MSG_USERAUTH_PASSWD_CHANGEREQ (RFC 4252 §8), which is number 60 under "password" only. */
export interface UserauthPasswdChangereq {
  /** Text for the user; escape it before display. */
  readonly prompt: string;
  readonly languageTag: string;
}

/** Message 60 of "password": the password has expired; requests a new one (RFC 4252 §8). */
export const SSH_MSG_USERAUTH_PASSWD_CHANGEREQ: Message<UserauthPasswdChangereq> = /* @__PURE__ */ message(
  60,
  "SSH_MSG_USERAUTH_PASSWD_CHANGEREQ",
  { prompt: longText, languageTag: text },
);

/** One prompt of SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 §3.2). */
export interface Prompt {
  /** Text for the user; escape it before display. */
  readonly prompt: string;
  /** Whether to echo the response as the user types. */
  readonly echo: boolean;
}

/** Fields of SSH_MSG_USERAUTH_INFO_REQUEST (RFC 4256 §3.2), which is number 60 under "keyboard-interactive" only. */
export interface UserauthInfoRequest {
  readonly name: string;
  readonly instruction: string;
  readonly languageTag: string;
  readonly prompts: readonly Prompt[];
}

/** Message 60 of "keyboard-interactive": prompts for the user to answer (RFC 4256 §3.2). */
export const SSH_MSG_USERAUTH_INFO_REQUEST: Message<UserauthInfoRequest> = /* @__PURE__ */ message(
  60,
  "SSH_MSG_USERAUTH_INFO_REQUEST",
  {
    name: longText,
    instruction: longText,
    languageTag: text,
    prompts: /* @__PURE__ */ counted<Prompt>(5, {
      read: (reader, field) => ({
        prompt: longText.read(reader, `${field}.prompt`),
        echo: reader.boolean(`${field}.echo`),
      }),
      write: (writer, { prompt, echo }) => writer.string(prompt).boolean(echo),
    }),
  },
);

/** Fields of SSH_MSG_USERAUTH_INFO_RESPONSE (RFC 4256 §3.4). */
export interface UserauthInfoResponse {
  /** One response for each prompt, in order. */
  readonly responses: readonly string[];
}

/** Message 61 of "keyboard-interactive": one response for each prompt (RFC 4256 §3.4). */
export const SSH_MSG_USERAUTH_INFO_RESPONSE: Message<UserauthInfoResponse> = /* @__PURE__ */ message(
  61,
  "SSH_MSG_USERAUTH_INFO_RESPONSE",
  { responses: /* @__PURE__ */ counted(4, utf8) },
);
