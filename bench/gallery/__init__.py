"""Well-known packages, frozen and compared with themselves unfrozen; see docs/compatibility.md."""
