import { streamCases } from "@nacre/testing/ciphers/stream-cases";
import * as ciphers from "../src/index.ts";

streamCases(ciphers);
