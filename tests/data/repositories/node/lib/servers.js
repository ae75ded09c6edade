exports.next = (servers) => (servers.push(servers.shift()), servers[0]);
