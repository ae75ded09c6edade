// A UDP server that answers nobody.
const std = @import("std");
const linux = std.os.linux;

pub fn main() void {
    const server: i32 = @intCast(linux.socket(linux.AF.INET, linux.SOCK.DGRAM, 0));
    const address align(4) = [_]u8{ 2, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 };
    if (linux.bind(server, @ptrCast(&address), 16) != 0) linux.exit(1);
    var data: [2048]u8 = undefined;
    while (true) _ = linux.read(server, &data, data.len);
}
