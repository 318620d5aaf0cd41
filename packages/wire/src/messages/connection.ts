import {
  boolean,
  type Empty,
  informing,
  languageTag,
  type Message,
  message,
  name,
  rest,
  type Structure,
  string,
  structure,
  text,
  uint32,
  utf8,
} from "../structure.ts";

/** Fields of SSH_MSG_GLOBAL_REQUEST (RFC 4254 §4). */
export interface GlobalRequest {
  readonly requestName: string;
  readonly wantReply: boolean;
  /** Data in a format that depends on the request. */
  readonly data: Uint8Array;
}

/** Message 80: a request that concerns the whole connection (RFC 4254 §4). */
export const SSH_MSG_GLOBAL_REQUEST: Message<GlobalRequest> = message(80, "SSH_MSG_GLOBAL_REQUEST", {
  requestName: name,
  wantReply: boolean,
  data: rest,
});

/** Fields of SSH_MSG_REQUEST_SUCCESS (RFC 4254 §4). Replies arrive in the order of the requests. */
export interface RequestSuccess {
  /** Data in a format that depends on the request. */
  readonly data: Uint8Array;
}

/** Message 81: grants a global request (RFC 4254 §4). */
export const SSH_MSG_REQUEST_SUCCESS: Message<RequestSuccess> = message(81, "SSH_MSG_REQUEST_SUCCESS", { data: rest });

/** Message 82: rejects a global request (RFC 4254 §4). */
export const SSH_MSG_REQUEST_FAILURE: Message<Empty> = message<Empty>(82, "SSH_MSG_REQUEST_FAILURE", {});

/** Fields of SSH_MSG_CHANNEL_OPEN (RFC 4254 §5.1). */
export interface ChannelOpen {
  readonly channelType: string;
  readonly senderChannel: number;
  /** Bytes that the receiver of this message may send before a window adjustment. */
  readonly initialWindowSize: number;
  /** Maximum number of data bytes in one message to the sender of this message. */
  readonly maximumPacketSize: number;
  /** Data in a format that depends on the channel type. */
  readonly data: Uint8Array;
}

/** Message 90: opens a channel (RFC 4254 §5.1). */
export const SSH_MSG_CHANNEL_OPEN: Message<ChannelOpen> = message(90, "SSH_MSG_CHANNEL_OPEN", {
  channelType: name,
  senderChannel: uint32,
  initialWindowSize: uint32,
  maximumPacketSize: uint32,
  data: rest,
});

/** Fields of SSH_MSG_CHANNEL_OPEN_CONFIRMATION (RFC 4254 §5.1). */
export interface ChannelOpenConfirmation {
  readonly recipientChannel: number;
  readonly senderChannel: number;
  readonly initialWindowSize: number;
  readonly maximumPacketSize: number;
  /** Data in a format that depends on the channel type. */
  readonly data: Uint8Array;
}

/** Message 91: confirms that a channel is open (RFC 4254 §5.1). */
export const SSH_MSG_CHANNEL_OPEN_CONFIRMATION: Message<ChannelOpenConfirmation> = message(
  91,
  "SSH_MSG_CHANNEL_OPEN_CONFIRMATION",
  {
    recipientChannel: uint32,
    senderChannel: uint32,
    initialWindowSize: uint32,
    maximumPacketSize: uint32,
    data: rest,
  },
);

/** Reason codes of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export const CHANNEL_OPEN_FAILURE_REASON = {
  ADMINISTRATIVELY_PROHIBITED: 1,
  CONNECT_FAILED: 2,
  UNKNOWN_CHANNEL_TYPE: 3,
  RESOURCE_SHORTAGE: 4,
} as const;

/** Fields of SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
export interface ChannelOpenFailure {
  readonly recipientChannel: number;
  /** One of `CHANNEL_OPEN_FAILURE_REASON`. */
  readonly reasonCode: number;
  /** Text for the user; escape it before display. */
  readonly description: string;
  readonly languageTag: string;
}

/** Message 92: rejects a request to open a channel (RFC 4254 §5.1). */
export const SSH_MSG_CHANNEL_OPEN_FAILURE: Message<ChannelOpenFailure> = message(92, "SSH_MSG_CHANNEL_OPEN_FAILURE", {
  recipientChannel: uint32,
  reasonCode: uint32,
  description: informing(text, ""),
  languageTag,
});

/** Fields of SSH_MSG_CHANNEL_WINDOW_ADJUST (RFC 4254 §5.2). */
export interface ChannelWindowAdjust {
  readonly recipientChannel: number;
  readonly bytesToAdd: number;
}

/** Message 93: lets the receiver of this message send more bytes of data (RFC 4254 §5.2). */
export const SSH_MSG_CHANNEL_WINDOW_ADJUST: Message<ChannelWindowAdjust> = message(
  93,
  "SSH_MSG_CHANNEL_WINDOW_ADJUST",
  {
    recipientChannel: uint32,
    bytesToAdd: uint32,
  },
);

/** Fields of SSH_MSG_CHANNEL_DATA (RFC 4254 §5.2). */
export interface ChannelData {
  readonly recipientChannel: number;
  readonly data: Uint8Array;
}

/** Message 94: data on a channel (RFC 4254 §5.2). */
export const SSH_MSG_CHANNEL_DATA: Message<ChannelData> = message(94, "SSH_MSG_CHANNEL_DATA", {
  recipientChannel: uint32,
  data: string,
});

/** The `dataTypeCode` of standard error (RFC 4254 §5.2). */
export const SSH_EXTENDED_DATA_STDERR = 1;

/** Fields of SSH_MSG_CHANNEL_EXTENDED_DATA (RFC 4254 §5.2). */
export interface ChannelExtendedData {
  readonly recipientChannel: number;
  readonly dataTypeCode: number;
  readonly data: Uint8Array;
}

/** Message 95: data of another type on a channel, such as standard error (RFC 4254 §5.2). */
export const SSH_MSG_CHANNEL_EXTENDED_DATA: Message<ChannelExtendedData> = message(
  95,
  "SSH_MSG_CHANNEL_EXTENDED_DATA",
  {
    recipientChannel: uint32,
    dataTypeCode: uint32,
    data: string,
  },
);

/** Fields of a message that consists of a channel number only. */
export interface ChannelOnly {
  readonly recipientChannel: number;
}

/** Message 96: the sender will send no more data on the channel (RFC 4254 §5.3). */
export const SSH_MSG_CHANNEL_EOF: Message<ChannelOnly> = message(96, "SSH_MSG_CHANNEL_EOF", {
  recipientChannel: uint32,
});

/** Message 97: closes the channel (RFC 4254 §5.3). */
export const SSH_MSG_CHANNEL_CLOSE: Message<ChannelOnly> = message(97, "SSH_MSG_CHANNEL_CLOSE", {
  recipientChannel: uint32,
});

/** Fields of SSH_MSG_CHANNEL_REQUEST (RFC 4254 §5.4). */
export interface ChannelRequest {
  readonly recipientChannel: number;
  readonly requestType: string;
  readonly wantReply: boolean;
  /** Data in a format that depends on the request: see the structures in `channel-requests.ts`. */
  readonly data: Uint8Array;
}

/** Message 98: a request that concerns one channel (RFC 4254 §5.4). */
export const SSH_MSG_CHANNEL_REQUEST: Message<ChannelRequest> = message(98, "SSH_MSG_CHANNEL_REQUEST", {
  recipientChannel: uint32,
  requestType: name,
  wantReply: boolean,
  data: rest,
});

/** Message 99: grants a channel request (RFC 4254 §5.4). */
export const SSH_MSG_CHANNEL_SUCCESS: Message<ChannelOnly> = message(99, "SSH_MSG_CHANNEL_SUCCESS", {
  recipientChannel: uint32,
});

/** Message 100: rejects a channel request (RFC 4254 §5.4). */
export const SSH_MSG_CHANNEL_FAILURE: Message<ChannelOnly> = message(100, "SSH_MSG_CHANNEL_FAILURE", {
  recipientChannel: uint32,
});

/** Fields of the data of an "x11" channel (RFC 4254 §6.3.2). */
export interface X11Channel {
  readonly originatorAddress: string;
  readonly originatorPort: number;
}

/** Data of an "x11" channel: the address of the X11 client (RFC 4254 §6.3.2). */
export const x11Channel: Structure<X11Channel> = /* @__PURE__ */ structure("x11 channel", {
  originatorAddress: utf8,
  originatorPort: uint32,
});
