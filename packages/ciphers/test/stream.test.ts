import * as ciphers from "../src/index.ts";
import { streamCases } from "./stream-cases.ts";

streamCases(ciphers);
