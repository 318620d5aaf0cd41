import type { NegotiatedAlgorithms } from "@nacre/transport";
import {
  CHANNEL_OPEN_FAILURE_REASON,
  codeName,
  DISCONNECT_REASON,
  envRequest,
  escapeText,
  execRequest,
  exitSignal,
  exitStatus,
  isUnderMethod,
  type LoginMessages,
  type Methods,
  ptyRequest,
  rowsOf,
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_FAILURE,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_DEBUG,
  SSH_MSG_DISCONNECT,
  SSH_MSG_EXT_INFO,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_IGNORE,
  SSH_MSG_KEX_DH_GEX_REPLY,
  SSH_MSG_KEX_ECDH_REPLY,
  SSH_MSG_KEXDH_REPLY,
  SSH_MSG_KEXINIT,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_UNIMPLEMENTED,
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_REQUEST,
  signalRequest,
  subsystemRequest,
  utf8DecodeLossy,
  windowChange,
} from "@nacre/wire";
import type { ProtocolTrace, TracePort } from "./trace.ts";

/** Returns the fields of a certificate, with a space before them; `""` for a plain key. */
export type DescribeCertificate = (publicKey: Uint8Array) => string;

/**
 * Makes a trace that describes each packet to `port`, escaped and without secrets. Exceptions of `port` are ignored. Keeps no state:
 * connections may share it. Pass `describeCertificate` as `describeKey` to show the fields of certificates.
 */
export function describedTrace(port: TracePort, describeKey: DescribeCertificate = () => ""): ProtocolTrace {
  const report: TracePort = (record) => {
    // An observer must not end the connection.
    try {
      port(record);
    } catch {}
  };
  return {
    identification: (direction, line) => report({ type: "identification", direction, line }),
    packet: ({ payload, ...packet }, methods) =>
      report({ type: "packet", ...packet, ...describeMessage(payload, methods, describeKey) }),
    newKeys: (negotiated, strictKex) =>
      report({ type: "negotiated", summary: describeNegotiated(negotiated, strictKex) }),
  };
}

/** Returns a message's name and a one-line summary, escaped and without secrets. Never throws, for any bytes. */
export function describeMessage(
  payload: Uint8Array,
  methods: Methods,
  describeKey: DescribeCertificate = () => "",
): { message: string; summary: string } {
  const number = payload[0] ?? 0;
  const rows = rowsOf(number, methods.loginMethods);
  const row = rows.length === 1 ? rows[0] : rows.find((one) => isUnderMethod(one, methods));
  const message = row?.message.name ?? `message ${number}`;
  try {
    const summary = row?.describe?.(payload) ?? DESCRIBERS[message]?.(payload, methods.loginMethods, describeKey) ?? "";
    return { message, summary: /* rule: trace-text */ escapeText(summary) };
  } catch {
    return { message, summary: "(malformed)" };
  }
}

/** Returns the negotiated algorithms as one line. */
export function describeNegotiated(negotiated: NegotiatedAlgorithms, strictKex: boolean): string {
  const { kex, hostKey, clientToServer, serverToClient } = negotiated;
  return [
    `kex=${kex.name}`,
    `hostkey=${hostKey.name}`,
    both("cipher", [clientToServer.cipher.name], [serverToClient.cipher.name]),
    both("mac", [clientToServer.mac?.name ?? "(in the cipher)"], [serverToClient.mac?.name ?? "(in the cipher)"]),
    strictKex ? "strict" : "not strict",
  ].join(" ");
}

/** Formats the lists of both directions, or one list if they are equal. */
function both(name: string, one: readonly string[], other: readonly string[]): string {
  return one.join() === other.join() ? `${name}=${one.join()}` : `${name}=${one.join()} (c2s), ${other.join()} (s2c)`;
}

type Describer = (
  payload: Uint8Array,
  loginMethods: readonly LoginMessages[],
  describeKey: DescribeCertificate,
) => string;

/** Describers by message name. The keys are literal, so that bundlers can drop an unused table. */
const DESCRIBERS: Readonly<Record<string, Describer>> = {
  SSH_MSG_DISCONNECT: (payload) => {
    const { reasonCode, description } = SSH_MSG_DISCONNECT.decode(payload);
    return `${codeName(DISCONNECT_REASON, reasonCode) ?? reasonCode}: ${description}`;
  },
  SSH_MSG_IGNORE: (payload) => `${SSH_MSG_IGNORE.decode(payload).data.length} bytes`,
  SSH_MSG_UNIMPLEMENTED: (payload) => `packet ${SSH_MSG_UNIMPLEMENTED.decode(payload).sequenceNumber}`,
  SSH_MSG_DEBUG: (payload) => SSH_MSG_DEBUG.decode(payload).message,
  SSH_MSG_SERVICE_REQUEST: (payload) => SSH_MSG_SERVICE_REQUEST.decode(payload).serviceName,
  SSH_MSG_SERVICE_ACCEPT: (payload) => SSH_MSG_SERVICE_ACCEPT.decode(payload).serviceName,
  SSH_MSG_EXT_INFO: (payload) =>
    SSH_MSG_EXT_INFO.decode(payload)
      .extensions.map(({ name, value }) => `${name}=${utf8DecodeLossy(value)}`)
      .join(" "),
  SSH_MSG_KEXINIT: (payload) => {
    const init = SSH_MSG_KEXINIT.decode(payload);
    return [
      `kex=${init.kexAlgorithms.join()}`,
      `hostkey=${init.serverHostKeyAlgorithms.join()}`,
      both("cipher", init.encryptionAlgorithmsClientToServer, init.encryptionAlgorithmsServerToClient),
      both("mac", init.macAlgorithmsClientToServer, init.macAlgorithmsServerToClient),
      both("compression", init.compressionAlgorithmsClientToServer, init.compressionAlgorithmsServerToClient),
      ...(init.firstKexPacketFollows ? ["first packet follows"] : []),
    ].join(" ");
  },
  SSH_MSG_KEX_ECDH_REPLY: (payload, _, describeKey) =>
    describeKey(SSH_MSG_KEX_ECDH_REPLY.decode(payload).hostKey).trimStart(),
  SSH_MSG_KEXDH_REPLY: (payload, _, describeKey) =>
    describeKey(SSH_MSG_KEXDH_REPLY.decode(payload).hostKey).trimStart(),
  SSH_MSG_KEX_DH_GEX_REPLY: (payload, _, describeKey) =>
    describeKey(SSH_MSG_KEX_DH_GEX_REPLY.decode(payload).hostKey).trimStart(),
  SSH_MSG_USERAUTH_REQUEST: (payload, loginMethods, describeKey) => {
    const { userName, methodName, methodData } = SSH_MSG_USERAUTH_REQUEST.decode(payload);
    const method = loginMethods.find(({ name, variants }) => name === methodName || variants?.includes(methodName));
    // Only the method knows which of its fields may be shown.
    // rule: trace-password
    if (method?.describeRequest === undefined) return `${userName} ${methodName}`;
    return `${userName} ${methodName} ${method.describeRequest(methodData, methodName, describeKey)}`;
  },
  SSH_MSG_USERAUTH_FAILURE: (payload) => {
    const { authenticationsThatCanContinue, partialSuccess } = SSH_MSG_USERAUTH_FAILURE.decode(payload);
    return `can continue: ${authenticationsThatCanContinue.join()}${partialSuccess ? " (partial success)" : ""}`;
  },
  SSH_MSG_USERAUTH_BANNER: (payload) => SSH_MSG_USERAUTH_BANNER.decode(payload).message,
  SSH_MSG_GLOBAL_REQUEST: (payload) => {
    const { requestName, wantReply } = SSH_MSG_GLOBAL_REQUEST.decode(payload);
    return `${requestName}${wantReply ? " (reply wanted)" : ""}`;
  },
  SSH_MSG_CHANNEL_OPEN: (payload) => {
    const { channelType, senderChannel, initialWindowSize, maximumPacketSize } = SSH_MSG_CHANNEL_OPEN.decode(payload);
    return `${channelType}, sender channel ${senderChannel}, window ${initialWindowSize}, maximum packet ${maximumPacketSize}`;
  },
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION: (payload) => {
    const open = SSH_MSG_CHANNEL_OPEN_CONFIRMATION.decode(payload);
    return `${open.recipientChannel}, sender channel ${open.senderChannel}, window ${open.initialWindowSize}, maximum packet ${open.maximumPacketSize}`;
  },
  SSH_MSG_CHANNEL_OPEN_FAILURE: (payload) => {
    const { recipientChannel, reasonCode, description } = SSH_MSG_CHANNEL_OPEN_FAILURE.decode(payload);
    return `${recipientChannel}: ${codeName(CHANNEL_OPEN_FAILURE_REASON, reasonCode) ?? reasonCode}: ${description}`;
  },
  SSH_MSG_CHANNEL_WINDOW_ADJUST: (payload) => {
    const { recipientChannel, bytesToAdd } = SSH_MSG_CHANNEL_WINDOW_ADJUST.decode(payload);
    return `${recipientChannel} +${bytesToAdd}`;
  },
  SSH_MSG_CHANNEL_DATA: (payload) => {
    const { recipientChannel, data } = SSH_MSG_CHANNEL_DATA.decode(payload);
    return `${recipientChannel}, ${data.length} bytes`;
  },
  SSH_MSG_CHANNEL_EXTENDED_DATA: (payload) => {
    const { recipientChannel, dataTypeCode, data } = SSH_MSG_CHANNEL_EXTENDED_DATA.decode(payload);
    return `${recipientChannel}, type ${dataTypeCode}, ${data.length} bytes`;
  },
  SSH_MSG_CHANNEL_EOF: (payload) => `${SSH_MSG_CHANNEL_EOF.decode(payload).recipientChannel}`,
  SSH_MSG_CHANNEL_CLOSE: (payload) => `${SSH_MSG_CHANNEL_CLOSE.decode(payload).recipientChannel}`,
  SSH_MSG_CHANNEL_SUCCESS: (payload) => `${SSH_MSG_CHANNEL_SUCCESS.decode(payload).recipientChannel}`,
  SSH_MSG_CHANNEL_FAILURE: (payload) => `${SSH_MSG_CHANNEL_FAILURE.decode(payload).recipientChannel}`,
  SSH_MSG_CHANNEL_REQUEST: (payload) => {
    const { recipientChannel, requestType, wantReply, data } = SSH_MSG_CHANNEL_REQUEST.decode(payload);
    const detail = requestDetail(requestType, data);
    return `${recipientChannel} ${requestType}${detail === "" ? "" : ` ${detail}`}${wantReply ? " (reply wanted)" : ""}`;
  },
};

const REQUEST_DETAILS: Readonly<Record<string, (data: Uint8Array) => string>> = {
  exec: (data) => utf8DecodeLossy(execRequest.decode(data).command),
  subsystem: (data) => subsystemRequest.decode(data).name,
  // The value may be a secret, so only the name is shown.
  env: (data) => envRequest.decode(data).name,
  "pty-req": (data) => {
    const { term, columns, rows } = ptyRequest.decode(data);
    return `${term} ${columns}×${rows}`;
  },
  "window-change": (data) => {
    const { columns, rows } = windowChange.decode(data);
    return `${columns}×${rows}`;
  },
  signal: (data) => signalRequest.decode(data).signalName,
  "exit-status": (data) => `${exitStatus.decode(data).exitStatus}`,
  "exit-signal": (data) => exitSignal.decode(data).signalName,
};

/** Returns the main detail of a request, or "(malformed)". A malformed request need not end the connection. */
function requestDetail(requestType: string, data: Uint8Array): string {
  try {
    return Object.hasOwn(REQUEST_DETAILS, requestType) ? REQUEST_DETAILS[requestType]!(data) : "";
  } catch {
    return "(malformed)";
  }
}
