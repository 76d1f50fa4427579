-- SPDX-License-Identifier: MIT
-- A compress device that has failed leaves its sink in error, where no stream can use it, and players wait for ever.
-- This tells them, and suspends the sink: that closes the device, and the next stream opens it anew. A sink whose card
-- is gone is removed instead, and its players are linked to the next one.
local lutils = require ("linking-utils")

-- milliseconds within which the sink of a card that is gone is removed
local REMOVAL_TIME = 2000
-- EIO
local ERROR = -5

local function tell_players (event, sink)
  local source = event:get_source ()
  local nodes = source:call ("get-object-manager", "node")

  for link in source:call ("get-object-manager", "link"):iterate () do
    if tonumber (link.properties ["link.input.node"]) == sink ["bound-id"] then
      local player = nodes:lookup {
        Constraint { "bound-id", "=", tonumber (link.properties ["link.output.node"]), type = "gobject" }
      }
      if player then
        lutils.sendClientError (event, player, ERROR, "the device has failed")
      end
    end
  end
end

SimpleEventHook {
  name = "compress-offload/suspend-failed-sink",
  interests = {
    EventInterest {
      Constraint { "event.type", "=", "node-state-changed" },
      Constraint { "factory.name", "=", "api.alsa.compress.offload.sink" },
      Constraint { "event.subject.new-state", "=", "error" },
    },
  },
  execute = function (event)
    local sink = event:get_subject ()

    Core.timeout_add (REMOVAL_TIME, function ()
      if (sink:get_active_features () & Feature.Proxy.BOUND) ~= 0 then
        tell_players (event, sink)
        sink:send_command ("Suspend")
      end
      return false
    end)
  end
}:register ()
