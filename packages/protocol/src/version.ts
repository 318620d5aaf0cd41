/** Software version in the identification line (RFC 4253 §4.2). */
export const SOFTWARE_VERSION = "Nacre_0.1.0";
