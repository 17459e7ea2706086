import io

import pandas

table = pandas.read_csv(io.StringIO("city,degrees\na,1\nb,4\na,3\n"))
print(table.groupby("city")["degrees"].mean().to_dict())
