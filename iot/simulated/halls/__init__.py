"""Service halls of the simulated city: who comes, who serves, what is said of it. No clock, no broker.

`errands` are what people come for, `staff` the halls with their windows, clerks and rosters, `visitors` who comes when, `floor`
the event simulation of a day, `kiosks` the ticket machines, `live` what all halls say from one moment to the next.
"""

from iot.simulated.halls.live import LiveHalls, Printed, Said, WindowCommand, births, decode_command, history
from iot.simulated.halls.staff import Clerk, Hall, halls_of

__all__ = ["Clerk", "Hall", "LiveHalls", "Printed", "Said", "WindowCommand", "births", "decode_command", "halls_of", "history"]
