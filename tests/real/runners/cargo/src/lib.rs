use std::io::Read;
use std::net::{TcpListener, TcpStream};

/// The server's end of a connection whose client has gone.
#[inline(always)]
pub fn deserted() -> TcpStream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (mut server, _) = listener.accept().unwrap();
    drop(client);
    assert_eq!(server.read(&mut [0u8; 1]).unwrap(), 0);
    server
}
