// Behaviours of Java's sockets, channels and threads: one line a test, its name
// and what was seen.
import com.sun.net.httpserver.HttpServer;
import java.io.*;
import java.net.*;
import java.net.http.*;
import java.nio.ByteBuffer;
import java.nio.channels.*;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;

public class Session {
	static final byte[] BIG = "0123456789\n".repeat(300000).getBytes();
	static final InetAddress HERE = InetAddress.getLoopbackAddress();

	interface Test {
		Object run() throws Exception;
	}

	static void seen(String name, Test test) {
		Object result;
		try {
			result = test.run();
		} catch (Exception exception) {
			result = exception;
		}
		System.out.println(name + ": " + result);
	}

	static String digest(byte[] data) throws Exception {
		return HexFormat.of().formatHex(
			MessageDigest.getInstance("MD5").digest(data));
	}

	static ServerSocket server() throws IOException {
		return new ServerSocket(0, 50, HERE);
	}

	static Socket client(ServerSocket server) throws IOException {
		return new Socket(HERE, server.getLocalPort());
	}

	static Object threads() throws Exception {
		ExecutorService pool = Executors.newCachedThreadPool();
		List<Future<Boolean>> results = new ArrayList<>();
		try (ServerSocket server = server()) {
			for (int n = 0; n < 50; n++) {
				byte[] text = ("client " + n + " ").repeat(2000).getBytes();
				pool.submit(() -> {
					try (Socket it = server.accept()) {
						it.getInputStream().transferTo(it.getOutputStream());
					}
					return true;
				});
				results.add(pool.submit(() -> {
					try (Socket it = client(server)) {
						pool.submit(() -> {
							it.getOutputStream().write(text);
							it.shutdownOutput();
							return true;
						});
						return Arrays.equals(text, it.getInputStream().readAllBytes());
					}
				}));
			}
			for (Future<Boolean> result : results)
				if (!result.get(60, TimeUnit.SECONDS))
					return "wrong";
		} finally {
			pool.shutdown();
		}
		return "right";
	}

	static Object selector() throws Exception {
		try (Selector selector = Selector.open();
		     ServerSocketChannel server = ServerSocketChannel.open()) {
			server.bind(new InetSocketAddress(HERE, 0));
			server.configureBlocking(false);
			server.register(selector, SelectionKey.OP_ACCEPT);
			SocketChannel client = SocketChannel.open();
			client.configureBlocking(false);
			client.connect(server.getLocalAddress());
			client.register(selector, SelectionKey.OP_CONNECT);
			ByteBuffer out = ByteBuffer.wrap(BIG);
			ByteArrayOutputStream in = new ByteArrayOutputStream();
			ByteBuffer part = ByteBuffer.allocateDirect(65536);
			while (selector.select(10000) > 0) {
				for (SelectionKey key : selector.selectedKeys()) {
					if (key.isAcceptable()) {
						SocketChannel it = server.accept();
						it.configureBlocking(false);
						it.register(selector, SelectionKey.OP_READ);
					} else if (key.isConnectable()) {
						client.finishConnect();
						key.interestOps(SelectionKey.OP_WRITE);
					} else if (key.isWritable()) {
						client.write(out);
						if (!out.hasRemaining())
							client.close();
					} else if (key.isReadable()) {
						part.clear();
						if (((SocketChannel) key.channel()).read(part) < 0) {
							key.channel().close();
							return digest(in.toByteArray());
						}
						in.write(Arrays.copyOf(copy(part.flip()), part.limit()));
					}
				}
				selector.selectedKeys().clear();
			}
		}
		return "stuck";
	}

	static byte[] copy(ByteBuffer buffer) {
		byte[] bytes = new byte[buffer.remaining()];
		buffer.duplicate().get(bytes);
		return bytes;
	}

	static Object http() throws Exception {
		HttpServer server = HttpServer.create(new InetSocketAddress(HERE, 0), 0);
		server.createContext("/", exchange -> {
			byte[] body = exchange.getRequestBody().readAllBytes();
			exchange.sendResponseHeaders(200, body.length);
			exchange.getResponseBody().write(body);
			exchange.close();
		});
		ExecutorService pool = Executors.newFixedThreadPool(4);
		server.setExecutor(pool);
		server.start();
		HttpClient client = HttpClient.newHttpClient();
		URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort());
		Set<String> got = new TreeSet<>();
		for (int n = 0; n < 20; n++)
			got.add(digest(client.send(HttpRequest.newBuilder(uri).POST(
				HttpRequest.BodyPublishers.ofByteArray(BIG)).build(),
				HttpResponse.BodyHandlers.ofByteArray()).body()));
		server.stop(0);
		pool.shutdown();
		return got;
	}

	public static void main(String[] arguments) {
		seen("threads", Session::threads);
		seen("selector", Session::selector);
		seen("http", Session::http);
		seen("refused", () -> {
			ServerSocket server = server();
			server.close();
			return client0(server.getLocalPort());
		});
		seen("in use", () -> {
			try (ServerSocket server = server()) {
				return new ServerSocket(server.getLocalPort(), 1, HERE);
			}
		});
		seen("timeout", () -> {
			try (ServerSocket server = server(); Socket it = client(server)) {
				it.setSoTimeout(100);
				return it.getInputStream().read();
			}
		});
		seen("end of file", () -> {
			try (ServerSocket server = server(); Socket it = client(server)) {
				server.accept().close();
				return it.getInputStream().read();
			}
		});
		seen("reset", () -> {
			try (ServerSocket server = server(); Socket it = client(server)) {
				Socket other = server.accept();
				other.setSoLinger(true, 0);
				other.close();
				return it.getInputStream().read();
			}
		});
		seen("write after the close", () -> {
			try (ServerSocket server = server(); Socket it = client(server)) {
				server.accept().close();
				for (int n = 0; n < 500; n++) {
					it.getOutputStream().write(1);
					Thread.sleep(10);
				}
				return "never";
			}
		});
		seen("closed by another thread", () -> {
			try (ServerSocket server = server(); Socket it = client(server)) {
				new Timer(true).schedule(new TimerTask() {
					public void run() {
						try {
							it.close();
						} catch (IOException ignored) {
						}
					}
				}, 200);
				return it.getInputStream().read();
			}
		});
		seen("processes", () -> {
			Process process = new ProcessBuilder("md5sum").start();
			try (OutputStream out = process.getOutputStream()) {
				out.write(BIG);
			}
			String got = new String(process.getInputStream().readAllBytes());
			return got.trim() + " " + process.waitFor();
		});
		System.exit(0);
	}

	static Object client0(int port) throws IOException {
		return new Socket(HERE, port);
	}
}
