import { describe } from "vitest";
import * as ciphers from "../src/index.ts";
import { streamCases } from "./stream-cases.ts";
import { withWasm } from "./wasm/support.ts";

streamCases(ciphers);
describe("with chacha20-poly1305 in WebAssembly", () => streamCases(withWasm));
