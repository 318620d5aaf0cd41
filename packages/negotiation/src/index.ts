export { PING_EXTENSION, serverSigAlgs, serverSigAlgsExtension } from "./ext-info.ts";
export type { Identification, IdentificationLimits, Role } from "./identification.ts";
export { greetingLines, IdentificationReader, identificationString } from "./identification.ts";
export type { Proposal } from "./kexinit.ts";
export { agreesOnStrictKex, createKexInit, kexMethods, takesExtInfo } from "./kexinit.ts";
export type { DirectionNames, NegotiatedNames } from "./negotiate.ts";
export { guessIsRight, negotiate } from "./negotiate.ts";
