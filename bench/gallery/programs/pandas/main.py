"""Frames from CSV, JSON and Excel; groups, joins, time zones, windows, SQL and styled HTML."""

import io
import sqlite3

import pandas as pd

frame = pd.read_csv(
    io.StringIO("day,city,t\n2024-01-01,Oslo,-5\n2024-01-01,Rome,11\n2024-01-02,Oslo,-3\n"),
    parse_dates=["day"],
)
print(frame.groupby("city")["t"].agg(["mean", "max"]))
print(frame.pivot_table(index="day", columns="city", values="t").interpolate())
print(frame.merge(pd.DataFrame({"city": ["Oslo"], "country": ["NO"]}), how="left").to_string())
series = pd.Series(
    range(6), index=pd.date_range("2024-03-30", periods=6, freq="12h", tz="Europe/Berlin")
)
print(series.resample("D").sum(), series.rolling(2).mean().iloc[-1])
print(series.tz_convert("America/New_York").index[0])
with sqlite3.connect(":memory:") as database:
    frame.to_sql("t", database, index=False)
    print(pd.read_sql("select city, max(t) as m from t group by city order by city", database))
book = io.BytesIO()
frame.to_excel(book, sheet_name="Sheet", index=False)
print(pd.read_excel(book)["city"].tolist())
print(pd.read_json(io.StringIO(frame.to_json(orient="records")))["t"].sum())
print(frame.describe().loc["mean", "t"], frame.eval("t * 2").tolist(), frame.query("t > 0").shape)
print(
    frame["city"].astype("category").cat.codes.tolist(),
    frame["city"].str.extract(r"(^.)")[0].tolist(),
)
print(frame["day"].dt.day_name(locale=None).unique().tolist())
print(
    pd.get_dummies(frame["city"]).sum().tolist(),
    pd.Timestamp("2024-01-31") + pd.offsets.BMonthEnd(),
)
try:
    frame["missing"]
except KeyError as error:
    print(type(error).__name__, error)
