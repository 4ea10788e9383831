# Behaviours of Ruby: one line a test, its name and what was seen.
require "digest"
require "net/http"
require "open3"
require "socket"
require "timeout"

BIG = "0123456789\n" * 300_000

def seen(name)
  result = begin
    Timeout.timeout(60) { yield }
  rescue StandardError => error
    "#{error.class}"
  end
  puts "#{name}: #{result}"
end

def server
  TCPServer.new("127.0.0.1", 0)
end

def client(of)
  TCPSocket.new("127.0.0.1", of.addr[1])
end

def pair
  listener = server
  [client(listener), listener.accept, listener]
end

seen "echo in threads" do
  listener = server
  thread = Thread.new do
    20.times.map { Thread.new(listener.accept) { |it| IO.copy_stream(it, it); it.close } }.each(&:join)
  end
  got = 20.times.map do |n|
    Thread.new do
      it = client(listener)
      reader = Thread.new { it.read }
      it.write("#{n} " * 5000)
      it.close_write
      reader.value == "#{n} " * 5000
    end
  end.map(&:value)
  thread.join
  listener.close
  got.all?
end
seen "big, with splice and sendfile" do
  File.write("big", BIG)
  one, two, = pair
  thread = Thread.new { Digest::MD5.hexdigest(two.read) }
  IO.copy_stream("big", one)
  one.close
  thread.value
end
seen "refused" do
  listener = server
  port = listener.addr[1]
  listener.close
  TCPSocket.new("127.0.0.1", port)
end
seen "in use" do
  listener = server
  Socket.new(:INET, :STREAM).bind(listener.local_address)
end
seen "end of file" do
  one, two, = pair
  two.close
  one.read(1).inspect
end
seen "reset" do
  one, two, = pair
  two.setsockopt(:SOCKET, :LINGER, [1, 0].pack("ii"))
  two.close
  one.read(1)
end
seen "write after the peer's close" do
  one, two, = pair
  two.close
  200.times { one.write("x"); sleep 0.01 }
end
seen "without blocking" do
  one, two, = pair
  none = one.read_nonblock(10, exception: false)
  two.write("hello")
  IO.select([one], nil, nil, 10)
  [none, one.read_nonblock(10)]
end
seen "out of band" do
  one, two, = pair
  one.send("!", Socket::MSG_OOB)
  IO.select(nil, nil, [two], 10)
  two.recv(1, Socket::MSG_OOB)
end
seen "peek" do
  one, two, = pair
  one.write("hello")
  [two.recv(5, Socket::MSG_PEEK), two.recv(5)]
end
seen "line by line" do
  one, two, = pair
  one.puts("a", "b", "c")
  one.close
  two.readlines
end
seen "closed by another thread" do
  one, = pair
  thread = Thread.new { one.read }
  thread.report_on_exception = false
  Thread.pass until thread.stop?
  one.close
  thread.value
end
seen "timeout" do
  one, = pair
  begin
    Timeout.timeout(0.2) { one.read }
  rescue Timeout::Error
    "in time"
  end
end
seen "forking server" do
  listener = server
  pids = 3.times.map do
    fork do
      connection = listener.accept
      connection.write(connection.gets.upcase)
      connection.close
      exit!(0)
    end
  end
  got = 3.times.map { |n| it = client(listener); it.puts("hello #{n}"); it.read }
  [got, pids.map { |pid| Process.wait2(pid)[1].exitstatus }]
end
seen "inherited over exec" do
  listener = server
  listener.close_on_exec = false
  pid = spawn(RbConfig.ruby, "-rsocket", "-e", <<~TEXT, listener.fileno => listener.fileno)
    it = TCPServer.for_fd(#{listener.fileno}).accept
    it.write("other process")
  TEXT
  got = client(listener).read
  listener.close
  Process.wait(pid)
  [got, $?.exitstatus]
end
seen "not inherited" do
  listener = server
  `ls -l /proc/self/fd | grep -c socket`.to_i + listener.fileno * 0
end
seen "handed over" do
  one, two, = pair
  here, there = UNIXSocket.pair
  pid = fork do
    it = there.recv_io(TCPSocket)
    it.write("got it")
    it.close
    exit!(0)
  end
  here.send_io(two)
  two.close
  Process.wait(pid)
  one.read
end
seen "processes and pipes" do
  text, status = Open3.capture2("md5sum", stdin_data: BIG)
  [text, status.exitstatus, IO.popen("exit 3", &:read), $?.exitstatus]
end
seen "http" do
  listener = server
  thread = Thread.new do
    3.times do
      it = listener.accept
      it.gets("\r\n\r\n")
      it.write("HTTP/1.1 200 OK\r\nContent-Length: #{BIG.size}\r\nConnection: close\r\n\r\n", BIG)
      it.close
    end
  end
  got = 3.times.map { Digest::MD5.hexdigest(Net::HTTP.get("127.0.0.1", "/", listener.addr[1])) }
  thread.join
  got
end
seen "signal while reading" do
  one, two, = pair
  trap("USR1") { two.write("woken") }
  Thread.new { sleep 0.1; Process.kill("USR1", Process.pid) }
  one.readpartial(10)
end
seen "nothing is left" do
  GC.start
  before = Dir.children("/proc/self/fd").size
  50.times { pair.each(&:close) }
  Dir.children("/proc/self/fd").size - before
end
