-- A dissector for what imafarm's hosts say to one another on TCP port 2512: docs/wire.md, byte by byte.
--
-- Put it into Wireshark's folder of personal Lua plugins (Help > About > Folders), or name it on the command line:
--     tshark -X lua_script:ima.lua -r farm.pcapng
-- docs/capture.md says how captures are made, and what can be filtered by.

local PORT = 2512
local HEADER_BYTES = 16
local MAGIC = 0x494d4146 -- "IMAF"
local VERSION = 1

-- Every kind, by number: its name, and its fields in order, each with what it holds.
local KINDS = {
    [1] = { "BIND_REQUEST", { "farm_magic", "u32" }, { "host", "host" } },
    [2] = { "BIND_RESPONSE", { "farm_magic", "u32" }, { "host", "host" } },
    [3] = { "BIND_COMMIT" },
    [16] = { "ELECT_MASTER", { "round", "u32" } },
    [17] = { "ELECT_MASTER_ACK", { "round", "u32" } },
    [18] = { "DECLARE_MASTER", { "master", "host" }, { "reign_ms", "u32" } },
    [19] = { "QUERY_MASTER" },
    [20] = { "MASTER_IS", { "master", "host?" } },
    [32] = { "HEARTBEAT", { "seq", "u32" } },
    [33] = { "HEARTBEAT_ACK", { "collector", "truth" } },
    [34] = { "IMA_PING" },
    [35] = { "IMA_PING_ACK", { "member", "truth" } },
    [48] = {
        "SERVER_UPDATE",
        { "server", "host" },
        { "seq", "u32" },
        { "up", "truth" },
        { "load", "u32?" },
        { "sessions", "u32" },
        { "disconnected", "u32" },
        { "applications", "u32" },
        { "filler", "filler" },
    },
    [49] = { "SERVER_UPDATE_ACK", { "seq", "u32" }, { "filler", "filler" } },
    [50] = {
        "SESSION_UPDATE",
        { "server", "host" },
        { "seq", "u32" },
        { "event", "event" },
        { "session", "u32" },
        { "user", "u32" },
        { "app", "u32" },
        { "load", "u32?" },
        { "filler", "filler" },
    },
    [51] = { "SESSION_UPDATE_ACK", { "seq", "u32" }, { "filler", "filler" } },
    [52] = { "LOAD_UPDATE", { "server", "host" }, { "seq", "u32" }, { "load", "u32" } },
    [53] = { "LOAD_REQUEST" },
    [54] = { "FULL_UPDATE_REQUEST" },
    [55] = { "GATEWAY_UPDATE", { "filler", "filler" } },
    [56] = { "GATEWAY_UPDATE_ACK", { "filler", "filler" } },
    [57] = { "PEER_PING", { "sum", "u32" } },
    [58] = { "PEER_PING_ACK" },
    [59] = { "SUBSCRIBE", { "table", "table" }, { "on", "truth" } },
    [60] = { "TABLE_CHANGED", { "table", "table" } },
    [61] = { "FULL_UPDATE" },
    [64] = {
        "RESOLVE",
        { "request", "u32" },
        { "app", "u32" },
        { "preference", "u64" },
        { "relayed", "truth" },
    },
    [65] = { "RESOLVED", { "request", "u32" }, { "server", "host?" }, { "load", "u32" } },
    [72] = { "CONFIG_CHANGE", { "change", "u32" }, { "bytes", "u32" }, { "filler", "filler" } },
    [73] = { "CONFIG_CHANGE_ACK", { "change", "u32" }, { "filler", "filler" } },
}

local EVENTS = {
    [0] = "present",
    [1] = "present and disconnected",
    [2] = "connect",
    [3] = "disconnect",
    [4] = "reconnect",
    [5] = "logoff",
}
local TABLES = { [0] = "Conn_Sessions", [1] = "Server_State", [2] = "Server_Load" }

-- In how many bytes a number's value follows its first byte.
local NUMBER_BYTES = { [0xcc] = 1, [0xcd] = 2, [0xce] = 4, [0xcf] = 8 }
-- The least number that takes so many bytes, and the longest form of what a field holds.
local LEAST = { [1] = 0x80, [2] = 0x100, [4] = 0x10000, [8] = 0x100000000 }
local MOST_BYTES = { u32 = 4, u64 = 8, host = 8, event = 4, table = 4 }
local LARGEST_HOST = 281474976710655

local ima = Proto("ima", "Independent Management Architecture")

-- ---- what can be filtered by -------------------------------------------------------------------------------------

local names = {}
for number, kind in pairs(KINDS) do
    names[number] = kind[1]
end

local f = {
    magic = ProtoField.uint32("ima.magic", "Magic", base.HEX),
    version = ProtoField.uint8("ima.version", "Version"),
    kind = ProtoField.uint8("ima.kind", "Kind", base.DEC, names),
    seal_length = ProtoField.uint16("ima.seal_length", "Seal length"),
    body_length = ProtoField.uint32("ima.body_length", "Body length"),
    checksum = ProtoField.uint32("ima.checksum", "Checksum", base.HEX),
    length = ProtoField.uint32("ima.length", "Length", base.DEC, nil, 0, "The whole frame's, header and seal included"),
    body = ProtoField.bytes("ima.body", "Body"),
    seal = ProtoField.bytes("ima.seal", "Seal"),
    challenge = ProtoField.bytes("ima.challenge", "Challenge"),
    tag = ProtoField.bytes("ima.tag", "Tag"),
}

local LABELS = { farm_magic = "magic" }
local made_by = {
    u32 = function(filter, label)
        return ProtoField.uint32(filter, label)
    end,
    u64 = function(filter, label)
        return ProtoField.uint64(filter, label)
    end,
    host = function(filter, label)
        return ProtoField.uint64(filter, label)
    end,
    truth = function(filter, label)
        return ProtoField.bool(filter, label)
    end,
    event = function(filter, label)
        return ProtoField.uint32(filter, label, base.DEC, EVENTS)
    end,
    table = function(filter, label)
        return ProtoField.uint32(filter, label, base.DEC, TABLES)
    end,
    filler = function(filter, label)
        return ProtoField.bytes(filter, label)
    end,
}
local body_fields = {}
for _, kind in pairs(KINDS) do
    for place = 2, #kind do
        local name, holds = kind[place][1], kind[place][2]:gsub("?", "")
        if body_fields[name] == nil then
            body_fields[name] = made_by[holds]("ima." .. name, LABELS[name] or name)
        end
    end
end

local all_fields = {}
for _, field in pairs(f) do
    all_fields[#all_fields + 1] = field
end
for _, field in pairs(body_fields) do
    all_fields[#all_fields + 1] = field
end
ima.fields = all_fields

local e = {
    magic = ProtoExpert.new("ima.magic.bad", "No frame begins here", expert.group.MALFORMED, expert.severity.ERROR),
    version = ProtoExpert.new("ima.version.bad", "Unknown version", expert.group.PROTOCOL, expert.severity.ERROR),
    kind = ProtoExpert.new("ima.kind.unknown", "Unknown kind", expert.group.PROTOCOL, expert.severity.WARN),
    seal = ProtoExpert.new("ima.seal.bad", "Bad seal length", expert.group.PROTOCOL, expert.severity.ERROR),
    length = ProtoExpert.new("ima.length.bad", "Bad body length", expert.group.MALFORMED, expert.severity.ERROR),
    checksum = ProtoExpert.new("ima.checksum.bad", "Bad checksum", expert.group.CHECKSUM, expert.severity.ERROR),
    body = ProtoExpert.new("ima.body.bad", "Bad body", expert.group.MALFORMED, expert.severity.ERROR),
}
local experts = {}
for _, one in pairs(e) do
    experts[#experts + 1] = one
end
ima.experts = experts

ima.prefs.max_body_bytes = Pref.uint("Longest body", 16777216, "In bytes; a frame with a longer one is none")
ima.prefs.check_checksums = Pref.bool("Check checksums", true, "Whether each frame's checksum is computed")

-- ---- the checksum ------------------------------------------------------------------------------------------------

local CRC = {}
for byte = 0, 255 do
    local value = byte
    for _ = 1, 8 do
        local low = bit.band(value, 1)
        value = bit.rshift(value, 1)
        if low == 1 then
            value = bit.bxor(value, 0xedb88320)
        end
    end
    CRC[byte] = value
end

local function crc32(value, bytes)
    for place = 0, bytes:len() - 1 do
        local byte = bytes:get_index(place)
        value = bit.bxor(bit.rshift(value, 8), CRC[bit.band(bit.bxor(value, byte), 0xff)])
    end
    return value
end

-- The CRC-32 of the header but for its last field, and of the body.
local function checksum_of(header, body)
    local value = crc32(0xffffffff, header:bytes(0, 12))
    if body ~= nil then
        value = crc32(value, body:bytes())
    end
    return bit.bnot(value) % 0x100000000
end

-- ---- bodies ------------------------------------------------------------------------------------------------------

-- A number at `at`: its value, and how many bytes it takes; or nothing, and what is wrong.
local function number_at(body, at)
    if at >= body:len() then
        return nil, "ends too early"
    end
    local first = body(at, 1):uint()
    if first < 0x80 then
        return UInt64(first), 1
    end
    local count = NUMBER_BYTES[first]
    if count == nil then
        return nil, "is no number"
    end
    if at + 1 + count > body:len() then
        return nil, "ends too early"
    end
    local value = count == 8 and body(at + 1, 8):uint64() or UInt64(body(at + 1, count):uint())
    if value:tonumber() < LEAST[count] then
        return nil, "is not in the smallest form"
    end
    return value, 1 + count
end

-- One field of a body: puts it into the tree. How many bytes it takes and how it is told; or nothing, and what is wrong.
local function dissect_field(body, at, tree, name, holds)
    if at >= body:len() then
        return nil, "ends too early"
    end
    local field, label = body_fields[name], LABELS[name] or name
    local first = body(at, 1):uint()
    if holds:sub(-1) == "?" then
        if first == 0xc0 then
            tree:add(body(at, 1), label .. ": nothing")
            return 1, "nothing"
        end
        holds = holds:sub(1, -2)
    end
    if holds == "truth" then
        if first ~= 0xc2 and first ~= 0xc3 then
            return nil, "is no truth"
        end
        tree:add(field, body(at, 1), first == 0xc3)
        return 1, first == 0xc3 and "yes" or "no"
    end
    if holds == "filler" then
        local head = first == 0xc4 and 2 or first == 0xc5 and 3 or 0
        if head == 0 then
            return nil, "is no filler"
        end
        if at + head > body:len() then
            return nil, "ends too early"
        end
        local count = body(at + 1, head - 1):uint()
        if at + head + count > body:len() then
            return nil, "ends too early"
        end
        if head == 3 and count < 0x100 then
            return nil, "is not in the smallest form"
        end
        if count == 0 then
            tree:add(body(at, head), label .. ": none")
        else
            tree:add(field, body(at + head, count))
        end
        return head + count, count .. " bytes"
    end
    local value, taken = number_at(body, at)
    if value == nil then
        return nil, taken
    end
    local plain = value:tonumber()
    if taken - 1 > MOST_BYTES[holds] or holds == "host" and (plain < 1 or plain > LARGEST_HOST) then
        return nil, "is out of range"
    end
    local words = holds == "event" and EVENTS or holds == "table" and TABLES or nil
    if words ~= nil and words[plain] == nil then
        return nil, "is out of range"
    end
    if holds == "u64" or holds == "host" then
        tree:add(field, body(at, taken), value)
    else
        tree:add(field, body(at, taken), plain)
    end
    return taken, words ~= nil and words[plain] or tostring(value)
end

-- A whole body: how its message is told in one line.
local function dissect_body(kind, body, tree)
    local told = { kind[1] }
    local function bad(said)
        tree:add_proto_expert_info(e.body, "Bad body: " .. said)
        return table.concat(told, " ") .. " [bad body]"
    end
    if body:len() == 0 then
        return bad("it is empty")
    end
    if body(0, 1):uint() ~= 0x90 + #kind - 1 then
        return bad("it is no array of " .. #kind - 1 .. " values")
    end
    local at = 1
    for place = 2, #kind do
        local name, holds = kind[place][1], kind[place][2]
        local taken, said = dissect_field(body, at, tree, name, holds)
        if taken == nil then
            return bad(name .. " " .. said)
        end
        at = at + taken
        if holds ~= "filler" then
            told[#told + 1] = (LABELS[name] or name) .. "=" .. said
        end
    end
    if at < body:len() then
        return bad((body:len() - at) .. " bytes follow the last field")
    end
    return table.concat(told, " ")
end

-- ---- frames ------------------------------------------------------------------------------------------------------

-- Puts a whole frame into the tree; how it is told in one line.
local function dissect_frame(frame, seal_length, body_length, root)
    local number = frame(5, 1):uint()
    local kind = KINDS[number]
    local tree = root:add(ima, frame())
    tree:add(f.magic, frame(0, 4))
    local version = tree:add(f.version, frame(4, 1))
    local kind_item = tree:add(f.kind, frame(5, 1))
    local seal_item = tree:add(f.seal_length, frame(6, 2))
    tree:add(f.body_length, frame(8, 4))
    local sum = tree:add(f.checksum, frame(12, 4))
    tree:add(f.length, frame(0, 0), frame:len()):set_generated()
    if frame(4, 1):uint() ~= VERSION then
        version:add_proto_expert_info(e.version)
    end
    local with_key = (number == 1 or number == 2) and 48 or 16
    if seal_length ~= 0 and seal_length ~= with_key then
        seal_item:add_proto_expert_info(e.seal)
    end
    local body = body_length > 0 and frame(HEADER_BYTES, body_length) or nil
    if ima.prefs.check_checksums then
        local computed = checksum_of(frame, body)
        if computed == frame(12, 4):uint() then
            sum:append_text(" [correct]")
        else
            sum:add_proto_expert_info(e.checksum, string.format("Bad checksum: it should be 0x%08x", computed))
        end
    end
    local told
    if kind == nil then
        kind_item:add_proto_expert_info(e.kind)
        told = "kind " .. number
        if body ~= nil then
            tree:add(f.body, body)
        end
    elseif body == nil then
        tree:add_proto_expert_info(e.body, "Bad body: it is empty")
        told = kind[1] .. " [bad body]"
    else
        local body_tree = tree:add(f.body, body)
        told = dissect_body(kind, body:tvb(), body_tree)
    end
    if seal_length > 0 then
        local seal = frame(HEADER_BYTES + body_length, seal_length)
        local seal_tree = tree:add(f.seal, seal)
        if seal_length == 48 then
            seal_tree:add(f.challenge, seal(0, 32))
            seal_tree:add(f.tag, seal(32, 16))
        elseif seal_length == 16 then
            seal_tree:add(f.tag, seal(0, 16))
        end
        told = told .. " (sealed)"
    end
    tree:append_text(": " .. told)
    return told
end

function ima.dissector(buffer, pinfo, root)
    local at, told = 0, {}
    pinfo.cols.protocol = "IMA"
    while at < buffer:len() do
        local rest = buffer:len() - at
        local known = math.min(rest, 4)
        local begins = bit.rshift(MAGIC, 8 * (4 - known)) % 0x100000000
        if buffer(at, known):uint() ~= begins then
            local tree = root:add(ima, buffer(at))
            tree:add_proto_expert_info(e.magic)
            told[#told + 1] = "[no frame]"
            at = buffer:len()
            break
        end
        if rest < HEADER_BYTES then
            pinfo.desegment_offset = at
            pinfo.desegment_len = DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        local seal_length, body_length = buffer(at + 6, 2):uint(), buffer(at + 8, 4):uint()
        if body_length > ima.prefs.max_body_bytes then
            local tree = root:add(ima, buffer(at))
            tree:add(f.magic, buffer(at, 4))
            tree:add(f.body_length, buffer(at + 8, 4)):add_proto_expert_info(e.length)
            told[#told + 1] = "[bad length]"
            at = buffer:len()
            break
        end
        local length = HEADER_BYTES + body_length + seal_length
        if rest < length then
            pinfo.desegment_offset = at
            pinfo.desegment_len = length - rest
            break
        end
        told[#told + 1] = dissect_frame(buffer(at, length):tvb(), seal_length, body_length, root)
        at = at + length
    end
    if #told > 0 then
        pinfo.cols.info = table.concat(told, ", ")
    end
    return buffer:len()
end

DissectorTable.get("tcp.port"):add(PORT, ima)
