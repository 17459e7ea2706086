/* bcryptprimitives.dll for Wine before 9, which has none: Rust's standard library asks it for random bytes. */

#include <windows.h>
#include <ntsecapi.h> /* RtlGenRandom, exported by advapi32 as SystemFunction036 */

#define LARGEST 0x40000000 /* bytes in one call: RtlGenRandom counts with 32 bits, ProcessPrng with 64 */

__declspec(dllexport) BOOL WINAPI ProcessPrng(BYTE *data, SIZE_T size)
{
    while (size) {
        ULONG part = size < LARGEST ? (ULONG)size : LARGEST;
        if (!RtlGenRandom(data, part))
            return FALSE;
        data += part;
        size -= part;
    }
    return TRUE;
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved) { return TRUE; }
