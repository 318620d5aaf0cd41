import { SshError } from "@nacre/wire";
import { describe, expect, it } from "vitest";
import { checkOptions, type OptionRows, type ScopedRows } from "../../src/options/schema.ts";

interface Options {
  readonly host: string;
  readonly retries?: number | undefined;
  readonly mode?: "fast" | "safe" | undefined;
  readonly password?: string | undefined;
}

const ROWS: OptionRows<Options> = {
  host: {
    check(host) {
      if (host === undefined) throw new SshError("usage", "`host` is required");
    },
  },
  retries: {
    check(retries = 3) {
      if (retries < 0) throw new SshError("usage", "`retries` must not be negative");
    },
    default: 3,
  },
  mode: { type: ["fast", "safe"] },
  password: "string",
};

const check = (options: object, rows: object = ROWS): void => checkOptions(options, rows, "`probe`");
const usage = (message: string): object => expect.objectContaining({ code: "usage", message });

describe("rows of options", () => {
  it.each([
    [{ hosts: "a" }, "`hosts` is not an option of `probe`; did you mean `host`?"],
    [{ hostname: "a" }, "`hostname` is not an option of `probe`; did you mean `host`?"],
    [{ colour: 1 }, "`colour` is not an option of `probe`; its options are host, retries, mode, password"],
    [{ host: "a", password: 7 }, "`password` of `probe` must be string, got number"],
    [{ host: "a", mode: "slow" }, "`mode` of `probe` must be fast or safe, got string"],
    [{ host: "a", retries: -1 }, "`retries` must not be negative"],
    [{}, "`host` is required"],
    [[], "the options of `probe` must be an object, got array"],
  ])("reject %o", (options, message) => {
    expect(() => check(options)).toThrow(usage(message));
  });

  it("accept options that are undefined or inherited from a prototype", () => {
    check({ host: "a", retries: undefined, mode: undefined, password: undefined });
    check(Object.create({ host: "a" }));
  });

  it("check names and types before values", () => {
    expect(() => check({ retries: -1, colour: 1 })).toThrow(
      usage("`colour` is not an option of `probe`; its options are host, retries, mode, password"),
    );
  });

  it("of a part are added by spreading them", () => {
    interface Part {
      readonly agent?: string | undefined;
    }
    const part: ScopedRows<Part> = { agent: { type: "string", scope: "host" } };
    const rows: OptionRows<Options & Part> = { ...ROWS, ...part };
    check({ host: "a", agent: "b" }, rows);
    expect(() => check({ host: "a", agent: 1 }, rows)).toThrow(usage("`agent` of `probe` must be string, got number"));
  });

  it("do not compile without a row for each option, or with one for no option", () => {
    // @ts-expect-error The row of `b` is missing.
    const missing: OptionRows<{ a?: string; b?: string }> = { a: "string" };
    // @ts-expect-error There is no option `b`.
    const extra: OptionRows<{ a?: string }> = { a: "string", b: "string" };
    // @ts-expect-error The scope is missing.
    const unscoped: ScopedRows<{ a?: string }> = { a: { type: "string" } };
    // @ts-expect-error The default is not a value of the option.
    const mistyped: OptionRows<{ a?: string }> = { a: { default: 7 } };
    expect([missing, extra, unscoped, mistyped]).toHaveLength(4);
  });
});
