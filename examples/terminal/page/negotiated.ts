/** One row of the table of negotiated algorithms. */
export interface NegotiatedRow {
  readonly title: string;
  readonly value: string;
  /** What the value means for the user, if worth a mark. */
  readonly remark?: string | undefined;
}

const TITLES: Readonly<Record<string, string>> = {
  kex: "Key exchange",
  hostkey: "Host key",
  cipher: "Cipher",
  mac: "MAC",
};

/**
 * Returns the rows for the summary of a `negotiated` trace record, such as `"kex=… hostkey=… cipher=… mac=… strict"`. Unknown parts are
 * ignored.
 */
export function negotiatedRows(summary: string): NegotiatedRow[] {
  const rows = Array.from(
    summary.matchAll(/(?:^| )(\w+)=(.*?)(?= \w+=| (?:not )?strict\b|$)/g),
    ([, name = "", value = ""]) => ({
      title: TITLES[name] ?? name,
      value,
      remark: name === "kex" && /mlkem|sntrup/.test(value) ? "post-quantum" : undefined,
    }),
  );
  return [...rows, { title: "Strict kex", value: / not strict\b/.test(summary) ? "no" : "yes" }];
}
