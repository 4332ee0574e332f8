"""The scripts that Redis runs for the cache, each in one step.

The hash of changes holds the clock, and its time when everything and when one table (``t:`` and its name) has
changed last. The hash of an entry holds the time since when it is right, its tables and its data; that of a
removed key the time alone. A message is the clock and, after a space, who changed what; nothing there stands
for everything.
"""

__all__ = ["FORGET", "GET", "PUT"]

_COMMON = """
local function tick(channel)
    local now = redis.call('TIME')
    local last = tonumber(redis.call('HGET', KEYS[1], 'clock') or '0')
    local clock = string.format('%.0f', math.max(now[1] * 1000000 + now[2], last + 1))
    redis.call('HSET', KEYS[1], 'clock', clock)
    if redis.call('HSETNX', KEYS[1], 'all', clock) == 1 then redis.call('PUBLISH', channel, clock .. ' ') end
    return clock
end
local function changed_since(since, tables)
    local names = cmsgpack.unpack(tables)
    names[#names + 1] = 'all'
    for _, changed in ipairs(redis.call('HMGET', KEYS[1], unpack(names))) do
        if changed and tonumber(changed) > since then return true end
    end
    return false
end
"""

GET = f"""{_COMMON}
local entry = redis.call('HMGET', KEYS[2], 'since', 'tables', 'data')
if not entry[3] or redis.call('HEXISTS', KEYS[1], 'all') == 0 then return false end
if changed_since(tonumber(entry[1]), entry[2]) then return false end
return {{entry[2], entry[3], redis.call('PTTL', KEYS[2])}}
"""
"""Keys: changes, entry. Returns its tables, its data and its time left in milliseconds, if it is right."""

PUT = f"""{_COMMON}
if redis.call('HEXISTS', KEYS[1], 'all') == 0 then tick(ARGV[1]) end
local since = tonumber(ARGV[3])
local present = redis.call('HGET', KEYS[2], 'since')
if (present and tonumber(present) > since) or changed_since(since, ARGV[4]) then return 0 end
redis.call('HSET', KEYS[2], 'since', ARGV[3], 'tables', ARGV[4], 'data', ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
if ARGV[2] ~= '' then
    redis.call('PUBLISH', ARGV[1], redis.call('HGET', KEYS[1], 'clock') .. ' ' .. ARGV[2])
end
return 1
"""
"""Keys: changes, entry. Arguments: channel, message or nothing, since, tables, data, milliseconds."""

FORGET = f"""{_COMMON}
local clock = tick(ARGV[1])
for index = 4, #ARGV do redis.call('HSET', KEYS[1], ARGV[index], clock) end
for index = 2, #KEYS do
    redis.call('DEL', KEYS[index])
    redis.call('HSET', KEYS[index], 'since', clock)
    redis.call('PEXPIRE', KEYS[index], ARGV[3])
end
redis.call('PUBLISH', ARGV[1], clock .. ' ' .. ARGV[2])
return clock
"""
"""Keys: changes, entries to remove. Arguments: channel, message, milliseconds, tables. Returns the clock."""
