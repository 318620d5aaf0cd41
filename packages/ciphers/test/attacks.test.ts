import { describe } from "vitest";
import * as ciphers from "../src/index.ts";
import { attackCases } from "./attack-cases.ts";
import { withWasm } from "./wasm/support.ts";

attackCases(ciphers);
describe("with chacha20-poly1305 in WebAssembly", () => attackCases(withWasm));
