// A TCP proxy whose servers take turns.
const { next } = require("../lib/servers.js");
const net = require("node:net");

const [port, ...servers] = process.argv.slice(2);
net.createServer((client) => {
  const server = net.connect(80, next(servers)); // answers
  client.pipe(server).pipe(client);
  for (const end of [client, server]) end.on("error", () => [client, server].forEach((s) => s.destroy()));
}).listen(Number(port));
