/* python.exe: hands its command line to the interpreter in pythonXY.dll. */

#include <wchar.h>

__declspec(dllimport) int Py_Main(int argc, wchar_t **argv);

/* Arguments arrive as they were given: the C runtime of MinGW would expand `*` and `?`. */
int _dowildcard = 0;

int wmain(int argc, wchar_t **argv) { return Py_Main(argc, argv); }
