/** `true` if every member of the tuple is a Uint8Array. A member of type `any` makes it `false`: it would compile everywhere. */
export type AreBytes<T extends readonly unknown[]> = {
  [Index in keyof T]: 0 extends 1 & T[Index] ? "any" : T[Index] extends Uint8Array ? never : "other";
}[number] extends never
  ? true
  : false;

/** Names of the optional properties that do not accept `undefined` under exactOptionalPropertyTypes. */
export type Optional<T> = {
  [Name in keyof T]-?: Record<never, never> extends Pick<T, Name>
    ? undefined extends Required<T>[Name]
      ? never
      : Name
    : never;
}[keyof T];
