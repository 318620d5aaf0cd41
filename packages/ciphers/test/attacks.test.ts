import { attackCases } from "@nacre/testing/ciphers/attack-cases";
import * as ciphers from "../src/index.ts";

attackCases(ciphers);
