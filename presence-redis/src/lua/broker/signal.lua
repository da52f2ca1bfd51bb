-- Publishes a message that is not stored.
--
-- KEYS[1]  the channel     ARGV[1]  the commands that announce     ARGV[2]  the message
for command in string.gmatch(ARGV[1], '%S+') do
  redis.call(command, KEYS[1], ARGV[2])
end
return 'OK'
