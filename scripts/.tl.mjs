const t0 = performance.now();
const { connect, nodeAlgorithms } = await import("@nacre/node");
const t1 = performance.now();
const cpu = process.cpuUsage();
const algorithms = process.argv[2]
  ? { ...nodeAlgorithms, kex: nodeAlgorithms.kex.filter((k) => k.name === process.argv[2]) }
  : nodeAlgorithms;
const T=[]; const c = await connect({ trace: (r) => T.push((performance.now()-t1).toFixed(1)+" "+JSON.stringify(r).slice(0,90)),
  host: "127.0.0.1",
  port: 42599,
  user: "alice",
  identities: ["/root/.cache/nacre/openssh/try_ed25519"],
  agent: false,
  hostKey: "SHA256:GKRwLmaJU7U9oKIQvZ3PtvU2U6o2FFirci0s1V+mrQ0",
  algorithms,
});
const p = await c.spawn("echo ok");
p.stdout.once("data", () => {
  const t3 = performance.now();
  const u = process.cpuUsage(cpu);
  console.log(JSON.stringify({ imp: t1 - t0, first: t3 - t1, total: t3, cpu: (u.user + u.system) / 1000 }));
});
await p.exit;
await c.close();
console.log(T.join("\n"));
