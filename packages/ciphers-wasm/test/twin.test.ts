import { twinCases } from "@nacre/testing/ciphers/twin-cases";
import { describe } from "vitest";
import { withWasm } from "./support.ts";

describe("all ciphers, with chacha20-poly1305 in WebAssembly", () => twinCases(withWasm));
