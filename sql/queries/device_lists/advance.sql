-- Takes the next place in the order of device list changes. The last lock that a transaction
-- takes, because everybody who changes a device list waits for it.
-- Index: device_list_stream_pkey.
update device_list_stream set position = position + 1 where id returning position
