// Behaviours of node (libuv, a JIT): one line a test, its name and what was seen.
"use strict";
const assert = require("assert");
const child = require("child_process");
const cluster = require("cluster");
const crypto = require("crypto");
const dgram = require("dgram");
const fs = require("fs");
const http = require("http");
const net = require("net");
const worker = require("worker_threads");

const big = Buffer.alloc(3000000, "0123456789\n");
const tests = {};

function listen(server) {
	return new Promise((done) =>
		server.listen(0, "127.0.0.1", () => done(server.address().port)));
}
function close(server) {
	return new Promise((done) => server.close(done));
}
function event(emitter, name) {
	return new Promise((done) => emitter.once(name, done));
}
function digest(data) {
	return crypto.createHash("md5").update(data).digest("hex");
}
function all(readable) {
	return new Promise((done, failed) => {
		const parts = [];
		readable.on("data", (part) => parts.push(part));
		readable.on("end", () => done(Buffer.concat(parts)));
		readable.on("error", failed);
	});
}
function get(options) {
	return new Promise((done, failed) =>
		http.get(options, (response) => all(response).then((body) =>
			done({ status: response.statusCode, body })))
			.on("error", failed));
}
function sockets() {
	return fs.readdirSync("/proc/self/fd").filter((fd) => {
		try {
			return fs.readlinkSync("/proc/self/fd/" + fd).startsWith("socket");
		} catch (error) {
			return false;
		}
	}).length;
}

tests.echo = async () => {
	const server = net.createServer((socket) => socket.pipe(socket));
	const client = net.connect(await listen(server), "127.0.0.1");
	client.end(big);
	const got = await all(client);
	await close(server);
	return digest(got);
};
tests.halfClose = async () => {
	const server = net.createServer({ allowHalfOpen: true }, async (socket) =>
		socket.end("got " + (await all(socket)).length));
	const client = net.connect({ port: await listen(server),
		allowHalfOpen: true });
	client.end("hello");
	const got = await all(client);
	await close(server);
	return got;
};
tests.refused = async () => {
	const server = net.createServer();
	const port = await listen(server);
	await close(server);
	return (await event(net.connect(port, "127.0.0.1"), "error")).code;
};
tests.inUse = async () => {
	const server = net.createServer();
	const second = net.createServer();
	const port = await listen(server);
	second.listen(port, "127.0.0.1");
	const error = await event(second, "error");
	await close(server);
	return error.code;
};
tests.reset = async () => {
	const server = net.createServer((socket) => socket.resetAndDestroy());
	const client = net.connect(await listen(server), "127.0.0.1");
	const error = await event(client, "error");
	await close(server);
	return error.code;
};
tests.writeAfterThePeerClosed = async () => {
	const server = net.createServer((socket) => socket.destroy());
	const client = net.connect({ port: await listen(server),
		host: "127.0.0.1", allowHalfOpen: true });
	const failed = event(client, "error");
	client.resume();
	await event(client, "end");
	const timer = setInterval(() => client.write("hello"), 20);
	const error = await failed;
	clearInterval(timer);
	await close(server);
	return error.code;
};
tests.timeout = async () => {
	const server = net.createServer(() => {});
	const client = net.connect(await listen(server), "127.0.0.1");
	client.setTimeout(100);
	await event(client, "timeout");
	client.destroy();
	await close(server);
	return "timed out";
};
tests.manyAtOnce = async () => {
	const server = net.createServer((socket) => socket.pipe(socket));
	const port = await listen(server);
	const got = await Promise.all(Array.from({ length: 200 }, (_, n) => {
		const client = net.connect(port, "127.0.0.1");
		client.end("client " + n);
		return all(client);
	}));
	await close(server);
	return got.every((text, n) => String(text) === "client " + n);
};
tests.httpKeptAlive = async () => {
	const server = http.createServer((request, response) =>
		response.end(request.url === "/big" ? big : request.url));
	const port = await listen(server);
	const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });
	const got = [];
	for (let n = 0; n < 50; n++)
		got.push(await get({ port, agent, path: "/" + n }));
	const body = (await get({ port, agent, path: "/big" })).body;
	agent.destroy();
	await close(server);
	return got.every((it, n) => String(it.body) === "/" + n) + " " +
		digest(body);
};
tests.httpUpload = async () => {
	const server = http.createServer(async (request, response) =>
		response.end(digest(await all(request))));
	const request = http.request({ port: await listen(server),
		method: "POST" });
	request.end(big);
	const response = await event(request, "response");
	const got = await all(response);
	await close(server);
	return got;
};
tests.httpAborted = async () => {
	const server = http.createServer((request, response) => {
		response.write("some");
		setTimeout(() => response.destroy(), 50);
	});
	const request = http.get({ port: await listen(server) });
	const response = await event(request, "response");
	const error = await all(response).catch((it) => it);
	await close(server);
	return error.code;
};
tests.localSocket = async () => {
	const server = net.createServer((socket) => socket.pipe(socket));
	await new Promise((done) => server.listen("local", done));
	const client = net.connect("local");
	client.end("hello");
	const got = await all(client);
	await close(server);
	return got;
};
tests.datagrams = async () => {
	const server = dgram.createSocket("udp4");
	await new Promise((done) => server.bind(0, "127.0.0.1", done));
	const client = dgram.createSocket("udp4");
	client.send("hello", server.address().port, "127.0.0.1");
	const got = await event(server, "message");
	client.close();
	server.close();
	return got;
};
tests.childrenAndPipes = async () => {
	const cat = child.spawn("cat");
	cat.stdin.end(big);
	const got = await all(cat.stdout);
	return digest(got) + " " + child.execSync("exit 0; true").length + " " +
		child.spawnSync("sh", ["-c", "kill -9 $$"]).signal + " " +
		child.spawnSync("sh", ["-c", "exit 7"]).status;
};
tests.childSeesOnlyItsDescriptors = async () => {
	const server = net.createServer();
	await listen(server);
	const got = child.execSync("ls -l /proc/self/fd | grep -c socket; true");
	await close(server);
	return got;
};
// A connection is handed to another process over a local socket.
tests.handedOver = async () => {
	const other = child.fork(__filename, ["handed"]);
	await event(other, "message");
	const server = net.createServer({ pauseOnConnect: true }, (socket) =>
		other.send("socket", socket));
	const client = net.connect(await listen(server), "127.0.0.1");
	client.write("hello");
	const got = await event(client, "data");
	client.destroy();
	// Asks the other process whether the connection has ended.
	await close(server);
	other.disconnect();
	await event(other, "exit");
	return got;
};
tests.cluster = async () => {
	cluster.setupPrimary({ exec: __filename, args: ["worker"] });
	const workers = [cluster.fork(), cluster.fork()];
	const ports = await Promise.all(workers.map((it) =>
		event(it, "message")));
	assert.equal(ports[0], ports[1]);
	const got = [];
	for (let n = 0; n < 40; n++)
		got.push((await get({ port: ports[0], path: "/" + n,
			agent: false })).body);
	workers.forEach((it) => it.disconnect());
	await Promise.all(workers.map((it) => event(it, "exit")));
	return got.every((it, n) => String(it) === "/" + n);
};
tests.threads = async () => {
	const server = net.createServer((socket) => socket.pipe(socket));
	const port = await listen(server);
	const got = await Promise.all(Array.from({ length: 4 }, () =>
		event(new worker.Worker(__filename, { workerData: port }),
			"message")));
	await close(server);
	return got;
};
// What is closed is closed a little later.
tests.nothingIsLeft = async () => {
	for (let n = 0; n < 100 && sockets() > 0; n++)
		await new Promise((done) => setTimeout(done, 50));
	return sockets();
};

async function main() {
	for (const [name, test] of Object.entries(tests)) {
		const result = await test().catch((error) => error);
		console.log(name + ": " + String(result).trim());
	}
}

if (!worker.isMainThread) {
	const client = net.connect(worker.workerData, "127.0.0.1");
	client.end(big);
	all(client).then((got) => worker.parentPort.postMessage(digest(got)));
} else if (process.argv[2] === "handed") {
	process.on("message", (text, socket) => {
		socket.resume();
		socket.on("data", (data) => socket.end(text + ": " + data));
	});
	process.send("ready");
} else if (process.argv[2] === "worker") {
	const server = http.createServer((request, response) =>
		response.end(request.url));
	server.listen(18080, "127.0.0.1", () => process.send(18080));
} else {
	main();
}
