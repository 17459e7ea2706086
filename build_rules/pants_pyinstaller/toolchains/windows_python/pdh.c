/* pdh.dll for Wine: performance counters, of which there are none. A program that enumerates them
 * (Temporal's SDK does, for its heartbeats) is ended by the one of Wine 8, which lacks PdhEnumObjectsW. */

#include <windows.h>

#define PDH_NOT_IMPLEMENTED 0xC0000BD3 /* pdhmsg.h */

/* Every function: arguments are the caller's to clean up, and none is looked at. */
LONG unavailable(void) { return (LONG)PDH_NOT_IMPLEMENTED; }

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved) { return TRUE; }
