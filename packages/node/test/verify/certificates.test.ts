import { allCertificates } from "@nacre/testing/interop/certificates";
import { testClient, testServer } from "../interop/support/certificate-matrix.ts";

// Each certificate of a user, in a file and in an agent, and each of a host; `test/interop` has a sample.

testClient(allCertificates());
testServer(allCertificates());
