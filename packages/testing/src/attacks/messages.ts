import {
  SSH_MSG_CHANNEL_CLOSE,
  SSH_MSG_CHANNEL_DATA,
  SSH_MSG_CHANNEL_EOF,
  SSH_MSG_CHANNEL_EXTENDED_DATA,
  SSH_MSG_CHANNEL_OPEN,
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION,
  SSH_MSG_CHANNEL_OPEN_FAILURE,
  SSH_MSG_CHANNEL_REQUEST,
  SSH_MSG_CHANNEL_SUCCESS,
  SSH_MSG_CHANNEL_WINDOW_ADJUST,
  SSH_MSG_DEBUG,
  SSH_MSG_EXT_INFO,
  SSH_MSG_GLOBAL_REQUEST,
  SSH_MSG_IGNORE,
  SSH_MSG_PING,
  SSH_MSG_SERVICE_ACCEPT,
  SSH_MSG_SERVICE_REQUEST,
  SSH_MSG_UNIMPLEMENTED,
  SSH_MSG_USERAUTH_BANNER,
  SSH_MSG_USERAUTH_FAILURE,
  SSH_MSG_USERAUTH_INFO_RESPONSE,
  SSH_MSG_USERAUTH_REQUEST,
  SSH_MSG_USERAUTH_SUCCESS,
  utf8Encode,
} from "@nacre/wire";
import type { ChannelChange } from "./protocol-target.ts";

const NONE = new Uint8Array(0);
const CHANNEL = { initialWindowSize: 2 ** 20, maximumPacketSize: 2 ** 15 };

export const ignore = (length = 0): Uint8Array => SSH_MSG_IGNORE.encode({ data: new Uint8Array(length) });
export const unimplemented = (sequenceNumber = 0): Uint8Array => SSH_MSG_UNIMPLEMENTED.encode({ sequenceNumber });
export const debug = (message = ""): Uint8Array =>
  SSH_MSG_DEBUG.encode({ alwaysDisplay: true, message, languageTag: "" });
/** Returns a message with an unassigned number. */
export const unknown = (number = 48): Uint8Array => Uint8Array.of(number);
export const ping = (length = 0): Uint8Array => SSH_MSG_PING.encode({ data: new Uint8Array(length) });
export const extInfo = (count = 1): Uint8Array =>
  SSH_MSG_EXT_INFO.encode({
    extensions: Array.from({ length: count }, (_, i) => ({ name: `extension-${i}@attack`, value: NONE })),
  });
export const sigAlgs = (names: string): Uint8Array =>
  SSH_MSG_EXT_INFO.encode({ extensions: [{ name: "server-sig-algs", value: utf8Encode(names) }] });

export const serviceRequest = SSH_MSG_SERVICE_REQUEST.encode({ serviceName: "ssh-userauth" });
export const serviceAccept = SSH_MSG_SERVICE_ACCEPT.encode({ serviceName: "ssh-userauth" });
export const authRequest = SSH_MSG_USERAUTH_REQUEST.encode({
  userName: "alice",
  serviceName: "ssh-connection",
  methodName: "none",
  methodData: NONE,
});
export const authFailure = (...methods: readonly string[]): Uint8Array =>
  SSH_MSG_USERAUTH_FAILURE.encode({ authenticationsThatCanContinue: methods, partialSuccess: false });
export const authSuccess = SSH_MSG_USERAUTH_SUCCESS.encode({});
export const banner = (message: string): Uint8Array => SSH_MSG_USERAUTH_BANNER.encode({ message, languageTag: "" });
export const infoResponse = SSH_MSG_USERAUTH_INFO_RESPONSE.encode({ responses: [] });

export const globalRequest = (requestName: string, wantReply: boolean): Uint8Array =>
  SSH_MSG_GLOBAL_REQUEST.encode({ requestName, wantReply, data: NONE });
export const channelOpen = (channelType: string, senderChannel: number, change: ChannelChange = {}): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN.encode({ channelType, senderChannel, ...CHANNEL, data: NONE, ...change });
export const channelConfirmation = (recipientChannel: number, change: ChannelChange = {}): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN_CONFIRMATION.encode({
    recipientChannel,
    senderChannel: (1000 + recipientChannel) >>> 0,
    ...CHANNEL,
    data: NONE,
    ...change,
  });
export const channelOpenFailure = (recipientChannel: number): Uint8Array =>
  SSH_MSG_CHANNEL_OPEN_FAILURE.encode({ recipientChannel, reasonCode: 2, description: "no", languageTag: "" });
export const extendedData = (recipientChannel: number, dataTypeCode: number, length: number): Uint8Array =>
  SSH_MSG_CHANNEL_EXTENDED_DATA.encode({ recipientChannel, dataTypeCode, data: new Uint8Array(length) });
export const channelData = (recipientChannel: number, length: number): Uint8Array =>
  SSH_MSG_CHANNEL_DATA.encode({ recipientChannel, data: new Uint8Array(length).fill(0x78) });
export const channelAdjust = (recipientChannel: number, bytesToAdd: number): Uint8Array =>
  SSH_MSG_CHANNEL_WINDOW_ADJUST.encode({ recipientChannel, bytesToAdd });
export const channelEof = (recipientChannel: number): Uint8Array => SSH_MSG_CHANNEL_EOF.encode({ recipientChannel });
export const channelClose = (recipientChannel: number): Uint8Array =>
  SSH_MSG_CHANNEL_CLOSE.encode({ recipientChannel });
export const channelSuccess = (recipientChannel: number): Uint8Array =>
  SSH_MSG_CHANNEL_SUCCESS.encode({ recipientChannel });
export const channelRequest = (recipientChannel: number, requestType: string, wantReply: boolean): Uint8Array =>
  SSH_MSG_CHANNEL_REQUEST.encode({ recipientChannel, requestType, wantReply, data: NONE });
